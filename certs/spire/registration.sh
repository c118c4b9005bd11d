#!/bin/sh
# Registers a service with a SPIRE server that has no Kubernetes: the process of Unix user `orders` on the node of this
# agent is the producer `orders` of tenant acme.
#   spire-server must be on the PATH; AGENT is the agent's SPIFFE id.
set -eu
: "${AGENT:?set AGENT to the SPIFFE id of the agent, as 'spire-server agent list' shows it}"
TRUST_DOMAIN="${TRUST_DOMAIN:-logs.example.com}"
spire-server entry create -parentID "$AGENT" -selector unix:user:orders -x509SVIDTTL 3600 \
  -spiffeID "spiffe://$TRUST_DOMAIN/tenant/acme/producer/orders"
