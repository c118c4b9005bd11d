/** What the packages of the client share; not for applications, and may change in any version. */
package io.loghub.client.internal;
