/** What logging costs the application's threads, measured with JMH. */
package io.loghub.benchmarks;
