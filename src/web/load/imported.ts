// Where Workers have channel.wasm: they compile none, but import it compiled. And what only they have to refuse.

import module from '../../../channel.wasm'
import { ChannelError } from '../../errors.js'
import type { WasmModule } from '../../wasm/instance.js'

export function findWasm(): WasmModule {
  return module
}

/** There are no files. */
export const readFile = undefined

/** @throws ChannelError USE_BAD_OPTION if a WebSocket was not accepted for it hibernates: its messages go to the Durable Object */
export function refuseHibernating(cause: unknown): void {
  if (!/hibernat/i.test(String(cause))) return
  throw new ChannelError('USE_BAD_OPTION', 'socket is one that hibernates, and brings no messages here', {
    next: 'do not give it to `ctx.acceptWebSocket()`, for a channel’s keys do not outlive a sleep, or end the channel in a Worker in front',
    cause,
  })
}
