import type { Engine, EngineEvent } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { CONTROL_CREDIT } from '../wire/stream.js'
import { withResolvers } from './resolvers.js'
import { Timer } from './timer.js'

/** What a client knows of whether its server serves it: docs/protocol.md, "Acceptance". A server’s own end is accepted. */
export class Acceptance {
  #engine: Engine
  #state: 'waits' | 'accepted' | { failed: () => unknown } = 'waits'
  /** Made when somebody asks: most never do. */
  #asked: ReturnType<typeof withResolvers<void>> | undefined
  #timer: Timer | undefined

  constructor(engine: Engine) {
    this.#engine = engine
    if (engine.role === 'server') this.#state = 'accepted'
  }

  get role(): 'client' | 'server' {
    return this.#engine.role
  }

  /** Whether the server has shown that it serves this client. */
  get accepted(): boolean {
    return this.#state === 'accepted'
  }

  /** A record of the server’s. It sends credit before it has decided; any other, but an alert, says that it serves this client. */
  heard(event: EngineEvent): void {
    if (event === 'connected' || event === 'alert') return
    if (event !== 'control' || this.#engine.controlReceived?.code !== CONTROL_CREDIT) this.#settle('accepted')
  }

  /** The channel is over, by a refusal or otherwise. @param failed makes the error, if somebody asks: it costs as much as a close */
  fail(failed: () => unknown): void {
    this.#settle({ failed })
  }

  /** @param timeout how long it waits, from when it is first asked for; 0 is no limit */
  within(timeout: number): Promise<void> {
    if (!this.#asked) {
      this.#asked = withResolvers()
      // Who waits for it gets the error; nobody has to.
      this.#asked.promise.catch(() => {})
      if (this.#state === 'waits') this.#timer = new Timer(timeout, () => this.#asked?.reject(answerTimedOut(timeout)))
      else this.#tell()
    }
    return this.#asked.promise
  }

  #settle(state: 'accepted' | { failed: () => unknown }): void {
    if (this.#state !== 'waits') return
    this.#state = state
    this.#tell()
  }

  #tell(): void {
    this.#timer?.stop()
    if (this.#state === 'accepted') this.#asked?.resolve()
    else if (this.#state !== 'waits') this.#asked?.reject(this.#state.failed())
  }
}

function answerTimedOut(timeout: number): ChannelError {
  return new ChannelError('LINK_TIMEOUT', `the server has not said within ${timeout} ms whether it serves this client`)
}
