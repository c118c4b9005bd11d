package io.loghub.client.tail;

/**
 * Why a subscription ended for good.
 *
 * @param failed false where it was closed, or all has been sent that was asked for; true where the hub refused it
 * @param reason in words for a person
 */
public record TailEnd(boolean failed, String reason) {}
