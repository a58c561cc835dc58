// What is told to those who watch a program: by node:diagnostics_channel, and, with NODE_DEBUG=nopki, on standard error. Where nobody
// subscribes, nothing is made for it.

import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import { printable } from '../errors.js'
import { encodePublicKey } from '../keys/text.js'
import type { SocketIdentity } from './identity.js'

/** What the channels 'nopki:connect', 'nopki:handshake', 'nopki:error' and 'nopki:close' publish. */
export interface DiagnosticsMessage {
  role: 'client' | 'server'
  /** The same object in all messages of one connection; undefined if a server’s handshake has failed, for then there was none. */
  socket: SocketIdentity | undefined
  /** Of 'nopki:error', and of 'nopki:close' if there was one. */
  error: Error | undefined
}

type DiagnosticsEvent = 'connect' | 'handshake' | 'error' | 'close'

/**
 * 'connect': a client begins to. 'handshake': a client’s server, or a server’s client that is served, has proved its key. 'error': that, or
 * an open channel, has failed. 'close': a socket has closed.
 */
export function report(
  event: DiagnosticsEvent,
  role: 'client' | 'server',
  socket?: SocketIdentity,
  error?: Error,
): void {
  const listeners = CHANNELS[event]
  if (listeners.hasSubscribers) listeners.publish({ role, socket, error } satisfies DiagnosticsMessage)
  if (debugging) debug('%s', textOf(event, role, socket, error))
}

function textOf(event: DiagnosticsEvent, role: string, socket: SocketIdentity | undefined, error?: Error): string {
  const { remoteAddress, remotePort } = socket ?? {}
  const place = remoteAddress === undefined ? '' : ` ${remoteAddress}:${remotePort}`
  const what = event === 'handshake' && socket ? ` ${encodePublicKey(socket.remotePublicKey)}` : ''
  return `${role}${place} ${event}${what}${error && event === 'error' ? ` ${printable(error.message)}` : ''}`
}

const CHANNELS = {
  connect: channel('nopki:connect'),
  handshake: channel('nopki:handshake'),
  error: channel('nopki:error'),
  close: channel('nopki:close'),
}
const debug = debuglog('nopki')
// It is decided when the process starts.
const debugging = debug.enabled
