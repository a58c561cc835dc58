import type { Engine } from '../engine/engine.js'
import { badOption } from '../engine/snapshot.js'

/** Where a channel lies in linear memory, if its user has asked for that. @throws ChannelError USE_BAD_OPTION */
export function memoryOf(engine: Engine, { inspect }: { inspect?: boolean }): Engine['memory'] {
  if (!inspect) throw badOption('inspect', inspect, 'true when the channel is made: its memory shows its secrets')
  return engine.memory
}
