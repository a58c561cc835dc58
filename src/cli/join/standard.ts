// A channel joined to this process's standard input and output.

import { closeSync } from 'node:fs'
import type { SecureSocket } from '../../node/index.js'
import { type Ending, tell } from '../../tunnel/splice.js'
import { bytesText, Progress } from '../frame/progress.js'
import type { Live } from '../service/service.js'

/** Reads standard input into a channel, and writes what comes to standard output, until both have ended. */
export class StandardStreams implements Live {
  /** Resolves when all is over; rejects with what cut it short. */
  readonly finished: Promise<void>
  readonly done: Promise<unknown>
  #channel: SecureSocket
  #cutShort: Error | undefined
  #started = performance.now()

  constructor(channel: SecureSocket) {
    this.#channel = channel
    this.finished = this.#run()
    this.done = this.finished.catch(() => {})
  }

  end({ detail }: Ending, alert: number, text: string): void {
    this.#cutShort ??= new Error(detail ?? text)
    tell(this.#channel, alert, text)
  }

  async #run(): Promise<void> {
    const progress = new Progress(() => this.#progressText())
    try {
      await this.#transfer()
    } finally {
      progress.end()
      process.stdin.destroy()
    }
  }

  #transfer(): Promise<void> {
    const channel = this.#channel
    const { stdin, stdout } = process
    let hungUp = false
    return new Promise((resolve, reject) => {
      stdin.on('data', chunk => {
        if (!channel.writable) return
        if (!channel.write(chunk)) stdin.pause()
      })
      channel.on('drain', () => stdin.resume())
      stdin.on('end', () => channel.end())
      stdin.on('error', error => {
        this.#cutShort ??= error
        tell(channel, 1, 'what was to be sent could not be read')
      })
      channel.on('data', chunk => {
        if (stdout.write(chunk)) return
        channel.pause()
        stdout.once('drain', () => channel.resume())
      })
      channel.on('end', () => {
        hungUp = stdin.isTTY === true
        // Who types has nothing more to say to a peer that has gone.
        if (hungUp) channel.end()
        else closeStandardOutput()
      })
      channel.on('error', error => {
        if (!hungUp) this.#cutShort ??= error
      })
      channel.on('close', () => (this.#cutShort ? reject(this.#cutShort) : resolve()))
    })
  }

  #progressText(): string {
    const { bytesRead, bytesWritten } = this.#channel
    const onScreen = process.stdout.isTTY && (process.stdin.isTTY || bytesRead > 0)
    if (onScreen || bytesRead + bytesWritten === 0) return ''
    const rate = (bytesRead + bytesWritten) / ((performance.now() - this.#started) / 1000)
    return `${bytesText(bytesWritten)} sent, ${bytesText(bytesRead)} received, ${bytesText(rate)}/s`
  }
}

/**
 * Whoever reads our output learns that nothing more comes, though we go on sending. Not by `end()`: where it is a socket, that would
 * end it for all who have it too, such as the shell that we run in.
 */
function closeStandardOutput(): void {
  process.stdout.write('', () => {
    try {
      closeSync(process.stdout.fd)
    } catch {
      // It is closed already.
    }
  })
}
