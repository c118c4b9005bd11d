/** Programs that test a hub from Java. */
package io.loghub.compat;
