// What both kinds of channel, sockets and Web Streams, say of the same misfortunes.

import { refuses } from '../engine/alerts.js'
import type { Engine } from '../engine/engine.js'
import { ChannelError, printable } from '../errors.js'

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
    ? engine.role === 'client'
      ? 'the server’s word that it serves this client'
      : 'authorize'
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

/** What fails on this side when the application has closed a channel over streams, or given it up. */
export function closedHere(how = 'has closed the channel'): ChannelError {
  return new ChannelError('USE_CLOSED', `this end ${how}`)
}

/** What a write fails with when the connection has closed under it. */
export function cutShort(cause?: unknown): ChannelError {
  return new ChannelError('LINK_TRUNCATED', 'the connection closed before all that was written had gone out', { cause })
}

/** What `messages(limit)` fails with. */
export function messageTooLong(limit: number): ChannelError {
  return new ChannelError('PEER_TOO_LONG', `the peer sent a message of more than ${limit} bytes`, {
    next: 'raise the limit of `messages(limit)`',
  })
}

/** What `messages()` fails with. @param writes what sends bytes that are no message */
export function endedWithinMessage(writes: string): ChannelError {
  return new ChannelError('PEER_MALFORMED', 'the peer’s direction ended within a message', {
    next: `messages are sent by \`send()\`, not by \`${writes}\``,
  })
}

/** What an engine’s channel fails with when the peer has sent an alert. */
export function alertError({ alertReceived, role, version }: Engine): ChannelError {
  const alert = alertReceived ?? { code: 0, text: '' }
  const said = alert.text ? `: ${printable(alert.text)}` : ''
  if (refuses(alert, role === 'client' ? version : undefined)) {
    return new ChannelError('PEER_NOT_AUTHORIZED', `the server does not serve this client’s key${said}`, { alert })
  }
  return new ChannelError('PEER_ALERT', `the peer ended its direction with alert ${alert.code}${said}`, { alert })
}
