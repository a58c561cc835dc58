// What both kinds of channel, sockets and Web Streams, say of the same misfortunes.

import type { Engine } from '../engine/engine.js'
import { type Alert, ChannelError, printable } from '../errors.js'
import { ALERT_NOT_AUTHORIZED } from '../wire/stream.js'

/** What a promise-returning call rejects with when its signal is aborted: the reason that users of AbortSignal expect. */
export function abortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  const isError = typeof reason === 'object' && reason !== null && 'message' in reason
  return isError ? (reason as Error) : new DOMException('This operation was aborted', 'AbortError')
}

/** The carrier's own error, such as ECONNRESET, as the cause of what it did to the channel. */
export function withCause(error: Error, cause: unknown): Error {
  if (cause && error instanceof ChannelError && error.code.startsWith('LINK_') && !error.cause) error.cause = cause
  return error
}

/** Whether the peer may be told: a reject, or version 1's alert, still tells it why. */
export function tellsPeer(error: unknown): boolean {
  return error instanceof ChannelError && error.code.startsWith('PEER_')
}

export function connectTimedOut(timeout: number): ChannelError {
  return new ChannelError('LINK_TIMEOUT', `connecting took more than ${timeout} ms`)
}

export function handshakeTimedOut(engine: Engine, timeout: number): ChannelError {
  const waitingFor = engine.connected
    ? 'authorize'
    : engine.role === 'client'
      ? 'the server’s challenge'
      : 'the client’s handshake'
  return new ChannelError('LINK_TIMEOUT', `${waitingFor} took more than ${timeout} ms`)
}

export function idleTimedOut(): ChannelError {
  return new ChannelError('LINK_TIMEOUT', 'the peer was silent for longer than idleTimeout')
}

export function closedInHandshake(cause: unknown): ChannelError {
  return new ChannelError('LINK_CLOSED', 'the connection closed during the handshake', { cause })
}

/** What a write fails with when the connection has closed under it. */
export function cutShort(cause?: unknown): ChannelError {
  return new ChannelError('LINK_TRUNCATED', 'the connection closed before all that was written had gone out', { cause })
}

export function alertError(alert: Alert = { code: 0, text: '' }): ChannelError {
  const said = alert.text ? `: ${printable(alert.text)}` : ''
  if (alert.code === ALERT_NOT_AUTHORIZED) {
    return new ChannelError('PEER_NOT_AUTHORIZED', `the server does not serve this client’s key${said}`, { alert })
  }
  return new ChannelError('PEER_ALERT', `the peer ended its direction with alert ${alert.code}${said}`, { alert })
}
