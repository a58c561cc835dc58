import type { SecureSocket } from '../../node/index.js'
import { type Ending, tell } from '../../tunnel/splice.js'
import type { Live } from '../service/service.js'

/** Sends back what comes, and ends when it has. */
export class Echo implements Live {
  readonly done: Promise<void>
  #channel: SecureSocket

  constructor(channel: SecureSocket) {
    this.#channel = channel
    this.done = new Promise(resolve => channel.once('close', resolve))
    channel.on('error', () => {})
    channel.pipe(channel)
  }

  end(_: Ending, alert: number, text: string): void {
    this.#channel.unpipe()
    tell(this.#channel, alert, text)
  }
}
