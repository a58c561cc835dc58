import type { Contestant, Keys, Pipe } from '../contestants/contestant.js'
import { ANSWER_BYTES, ECHO, EXCHANGE, type Job, pour, writeHeader } from './job.js'

/** The client’s side of one connection. */
export class Caller {
  #pipe: Pipe
  #left = 0
  #last = Buffer.alloc(ANSWER_BYTES)
  #resolve: ((last: Buffer) => void) | undefined
  #reject: ((error: Error) => void) | undefined

  constructor(pipe: Pipe) {
    this.#pipe = pipe
    pipe.on('data', chunk => this.#take(chunk))
    pipe.on('error', error => this.#reject?.(error))
    pipe.on('close', () => this.#reject?.(new Error('the connection closed')))
  }

  /** Resolves once the server has taken this client in, and said so over the channel. */
  static async open(contestant: Contestant, keys: Keys, port: number): Promise<Caller> {
    const caller = new Caller(await contestant.connect(keys, port))
    await caller.expect(1)
    return caller
  }

  /** Sends `bytes`; resolves with the server’s own microseconds when all has arrived, in both directions where it goes both ways. */
  async move(job: Job): Promise<number> {
    const back = job.mode === EXCHANGE ? job.bytes : 0
    const answered = this.expect(back + ANSWER_BYTES)
    this.#pipe.write(writeHeader(job))
    pour(this.#pipe, job.bytes, job.write)
    return (await answered).readDoubleLE()
  }

  /** Sends a message `count` times, each when the one before has come back; its milliseconds each time. */
  async echo(size: number, count: number): Promise<number[]> {
    const message = Buffer.alloc(size, 7)
    this.#pipe.write(writeHeader({ mode: ECHO, write: size, bytes: size * count }))
    const times: number[] = []
    for (let at = 0; at < count; at++) {
      const started = performance.now()
      const back = this.expect(size)
      this.#pipe.write(message)
      await back
      times.push(performance.now() - started)
    }
    return times
  }

  /** Resolves with the last bytes of the next `bytes` that come. */
  expect(bytes: number): Promise<Buffer> {
    this.#left += bytes
    if (this.#left <= 0) return Promise.resolve(this.#last)
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  close(): void {
    this.#reject = undefined
    this.#pipe.destroy()
  }

  // What comes before it is expected counts as well: the server’s first byte may come with the end of the handshake.
  #take(chunk: Buffer): void {
    const tail = chunk.subarray(Math.max(0, chunk.length - ANSWER_BYTES))
    this.#last.copyWithin(0, tail.length)
    this.#last.set(tail, ANSWER_BYTES - tail.length)
    this.#left -= chunk.length
    if (this.#left > 0 || !this.#resolve) return
    this.#resolve(this.#last)
    this.#resolve = undefined
  }
}
