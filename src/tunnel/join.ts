// The two ways through a tunnel: a plain connection that has come in is joined to a channel, or a channel to a plain connection.

import type net from 'node:net'
import { encodePublicKey, type SecureSocket } from '../node/index.js'
import { reset } from '../node/reset.js'
import { Splice, tell } from './splice.js'
import { Tunnel, type TunnelOptions, unlessAborted } from './tunnel.js'

type Times = Pick<TunnelOptions, 'lifetime' | 'onEnd'>

/** @param pipe whether `plain` is a Unix socket @param reach opens a channel with allowHalfOpen */
export function forwardOne(
  plain: net.Socket,
  pipe: boolean,
  { reach, address, ...times }: Times & { reach(signal: AbortSignal): Promise<SecureSocket>; address: string },
): Tunnel {
  let peer: string | null = null
  return new Tunnel({
    near: plain,
    side: 'plain',
    join: async signal => {
      const channel = unlessAborted(await reach(signal), signal, it => it.destroy())
      peer = encodePublicKey(channel.remotePublicKey)
      return new Splice(channel, plain, pipe)
    },
    abandon: () => reset(plain),
    facts: () => ({ peer, name: null, address }),
    ...times,
  })
}

/** @param pipe whether what `reach` connects to is a Unix socket @param channel has allowHalfOpen */
export function exposeOne(
  channel: SecureSocket,
  pipe: boolean,
  { reach, ...rest }: Times & Pick<TunnelOptions, 'facts'> & { reach(signal: AbortSignal): Promise<net.Socket> },
): Tunnel {
  return new Tunnel({
    near: channel,
    side: 'channel',
    join: async signal => new Splice(channel, unlessAborted(await reach(signal), signal, reset), pipe),
    abandon: (alert, text) => tell(channel, alert, text),
    ...rest,
  })
}
