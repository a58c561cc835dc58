// A channel joined to a program's standard input and output.

import { type ChildProcess, spawn } from 'node:child_process'
import type { SecureSocket } from '../../node/index.js'
import type { Live } from './service.js'
import { type Ending, tell } from './splice.js'

/** Runs a command line in a shell for one client. Its end is the channel's; that it failed reaches the client as an alert. */
export class Program implements Live {
  readonly done: Promise<void>
  #channel: SecureSocket
  #child: ChildProcess
  #alive = true

  /** @param facts what the program finds in its environment */
  constructor(channel: SecureSocket, command: string, facts: Record<string, string>) {
    this.#channel = channel
    // In a group of its own, so that what it starts ends with it.
    this.#child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, ...facts },
    })
    const closed = new Promise<void>(resolve => channel.once('close', resolve))
    const exited = new Promise<void>(resolve => this.#child.once('close', () => resolve()))
    this.done = Promise.all([closed, exited]).then(() => {})
    this.#join()
  }

  end(_: Ending, alert: number, text: string): void {
    tell(this.#channel, alert, text)
    this.#kill()
  }

  #join(): void {
    const channel = this.#channel
    const { stdin, stdout } = this.#child
    if (!stdin || !stdout) throw new Error('a child with pipes has none')
    channel.on('error', () => this.#kill())
    channel.on('data', chunk => {
      if (stdin.writable && !stdin.write(chunk)) channel.pause()
    })
    channel.on('end', () => stdin.end())
    stdin.on('drain', () => channel.resume())
    // It may have read all that it wants: what still comes is thrown away.
    stdin.on('error', () => channel.resume())
    stdout.on('data', chunk => {
      if (channel.writable && !channel.write(chunk)) stdout.pause()
    })
    channel.on('drain', () => stdout.resume())
    this.#child.on('error', error => this.#exited(error.message))
    this.#child.on('close', (code, signal) => {
      this.#exited(code === 0 ? '' : signal ? `it was ended by ${signal}` : `its exit code is ${code}`)
    })
  }

  /** All of its output has been written. */
  #exited(trouble: string): void {
    this.#alive = false
    const channel = this.#channel
    if (trouble !== '') return tell(channel, 1, `the program failed: ${trouble}`)
    if (channel.destroyed) return
    channel.end()
    channel.resume()
    // Nobody is left for what the client still sends.
    const timer = setTimeout(() => channel.destroy(), HANG_UP_MS)
    channel.once('close', () => clearTimeout(timer))
  }

  /** Before its input is closed, which it would take for an end. */
  #kill(): void {
    if (!this.#alive || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGTERM')
    } catch {
      // It is over already.
    }
  }
}

const HANG_UP_MS = 1000
