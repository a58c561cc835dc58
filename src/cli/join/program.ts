// A channel joined to a program's standard input and output.

import { type ChildProcess, spawn } from 'node:child_process'
import type { SecureSocket } from '../../node/index.js'
import { FAILED, guardListeners } from '../../tunnel/guard.js'
import { type Ending, tell } from '../../tunnel/splice.js'
import { log } from '../frame/output.js'
import { withoutSystemd } from '../frame/systemd.js'
import type { Live } from '../service/service.js'

/** Runs a command line in a shell for one client. Its end is the channel's; that it failed reaches the client as an alert. */
export class Program implements Live {
  readonly done: Promise<void>
  #channel: SecureSocket
  #child: ChildProcess
  #alive = true
  #again: NodeJS.Timeout | undefined

  /**
   * @param facts what the program finds in its environment
   * @throws where it cannot be started, for want of memory or descriptors, or with such facts
   */
  constructor(channel: SecureSocket, command: string, facts: Record<string, string>) {
    this.#channel = channel
    // In a group of its own, so that what it starts ends with it.
    this.#child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...withoutSystemd(process.env), ...facts },
    })
    this.#child.on('error', error => this.#exited(error.message))
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
    if (!stdin || !stdout) throw new Error('the program could not be started: no descriptors are left')
    for (const it of [this.#child, stdin, stdout]) guardListeners(it, error => this.#fail(error))
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
    this.#child.on('close', (code, signal) => {
      this.#exited(code === 0 ? '' : signal ? `it was ended by ${signal}` : `its exit code is ${code}`)
    })
  }

  #fail(error: Error): void {
    log.warn(`a connection failed: ${error.message}`)
    this.end({ how: 'failed' }, 1, FAILED)
  }

  /** All of its output has been written. */
  #exited(trouble: string): void {
    if (!this.#alive) return
    this.#alive = false
    clearInterval(this.#again)
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
    // A shell that was about to start a command heeds the signal when that is over: the next one ends the command.
    this.#again ??= setInterval(() => this.#kill(), KILL_AGAIN_MS)
  }
}

const HANG_UP_MS = 1000
const KILL_AGAIN_MS = 1000
