import { EventEmitter } from 'node:events'
import type { Pipe } from './contestant.js'

/** A pipe over what is no Duplex. As in a Duplex, what comes before anybody listens for it is kept. */
export abstract class AdaptedPipe extends EventEmitter implements Pipe {
  abstract write(chunk: Buffer): boolean
  abstract destroy(): void

  /** @param start begins to emit 'data' */
  protected whenHeard(start: () => void): void {
    const heard = (name: string | symbol) => {
      if (name !== 'data') return
      this.off('newListener', heard)
      // Behind this very call, which adds the listener.
      process.nextTick(start)
    }
    this.on('newListener', heard)
  }
}
