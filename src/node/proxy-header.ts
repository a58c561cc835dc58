// A header of the PROXY protocol where a hello is due: of a load balancer that was told to send one to a server that takes none.

import { ChannelError } from '../errors.js'

/** Whether these bytes begin as a header of version 1 or 2 does. */
export function isProxyHeader(bytes: Uint8Array): boolean {
  return STARTS.includes(String.fromCharCode(...bytes.subarray(0, 4)))
}

/** A server’s error, or what says more of it. @param bytes the first that came */
export function nameProxyHeader(error: Error, bytes: Uint8Array | undefined): Error {
  const named = bytes && error instanceof ChannelError && error.code === 'PEER_VERSION' && isProxyHeader(bytes)
  return named ? new ChannelError('PEER_VERSION', WHAT, { next: NEXT }) : error
}

const STARTS = ['PROX', '\r\n\r\n']
const WHAT =
  'it begins with a header of the PROXY protocol, which the load balancer must not send here (`send-proxy` of HAProxy, `proxy_protocol` of nginx)'
const NEXT = 'turn it off there: the client’s key says who it is'
