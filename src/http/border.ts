// Errors at the border to HTTP clients: they retry by the codes that a TCP connection fails with, and know no others.

import type { ChannelError } from '../errors.js'
import { SecureSocket } from '../node/socket.js'

/** The codes that a client knows, for a connection that broke off, and for one that took too long to be made. */
export interface Codes {
  reset: string
  timeout: string
}

/** Of node:http, and what stands on it. */
export const NODE_CODES: Codes = { reset: 'ECONNRESET', timeout: 'ETIMEDOUT' }

/** undici takes ECONNRESET for the end of a response that has no length; this code it never does. */
export const UNDICI_CODES: Codes = { reset: 'UND_ERR_SOCKET', timeout: 'UND_ERR_CONNECT_TIMEOUT' }

/** A class of sockets that fail with these codes; the channel’s own error is the cause. */
export function socketsWith(codes: Codes): typeof SecureSocket {
  return class extends SecureSocket {
    override destroy(error?: Error | null): this {
      return super.destroy(error ? atBorder(error, codes, this.connecting || this.secureConnecting) : undefined)
    }
  }
}

/** A refusal, a wrong key and a changed record stay what they are: to connect anew would not help, or hide it. */
function atBorder(error: Error, codes: Codes, connecting: boolean): Error {
  const { name, code } = error as ChannelError
  if (name !== 'ChannelError') return error
  if (code === 'LINK_TIMEOUT' && connecting) return withCode(codes.timeout, error)
  return BROKEN_OFF.includes(code) ? withCode(codes.reset, error) : error
}

function withCode(code: string, cause: Error): Error {
  return Object.assign(new Error(`${code}: ${cause.message}`, { cause }), { code })
}

const BROKEN_OFF = ['LINK_CLOSED', 'LINK_TRUNCATED', 'LINK_TIMEOUT', 'PEER_ALERT']
