// Starts the stand-in for the published program, and reads what it reports.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { KeyPair } from '../../src/node/index.js'
import type { Call, Outcome } from './program.js'

/** What became of a connection; of one that ended the whole process, that. */
export type Ending = Outcome & { aborted: boolean }

interface Readers {
  /** Resolves when it has read so many bytes in all, or can read no more. */
  took(bytes: number): Promise<void>
}

export interface Server extends Readers {
  port: number
  /** Of the connections in their order; one that is called for when the process is gone has been aborted. */
  next(): Promise<Ending>
  stop(): void
}

export interface Client extends Readers {
  call(port: number, steps: string[]): Promise<Ending>
  stop(): void
}

/** It goes through the steps with every client. */
export async function startServer(keyPair: KeyPair, steps: string[]): Promise<Server> {
  const child = start('serve', keyPair, JSON.stringify(steps))
  const { next, took, stop } = linesOf(child)
  const port = (await next()) as number | undefined
  if (port === undefined) throw new Error('the stand-in does not run')
  return { port, next: async () => endingOf((await next()) as Outcome | undefined), took, stop }
}

/** Calls a server with this key. */
export function startClient(keyPair: KeyPair, serverKey: Uint8Array): Client {
  let running: ({ child: ChildProcess } & ReturnType<typeof linesOf>) | undefined
  return {
    async call(port, steps) {
      if (!running) {
        const child = start('call', keyPair)
        running = { child, ...linesOf(child) }
      }
      const call: Call = { port, serverKey: Buffer.from(serverKey).toString('base64url'), steps }
      running.child.stdin?.write(`${JSON.stringify(call)}\n`)
      const outcome = (await running.next()) as Outcome | undefined
      if (!outcome) running = undefined
      return endingOf(outcome)
    },
    took: async bytes => await running?.took(bytes),
    stop: () => running?.stop(),
  }
}

function endingOf(outcome: Outcome | undefined): Ending {
  return outcome ? { ...outcome, aborted: false } : { key: '', heard: '', ended: '', aborted: true }
}

function start(...[role, { secretKey }, ...rest]: [string, KeyPair, ...string[]]): ChildProcess {
  const args = [PROGRAM, role, Buffer.from(secretKey).toString('base64url'), ...rest]
  return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
}

/** Each line as a value; undefined once the process was aborted. A process that ends in another way has gone wrong. */
function linesOf(child: ChildProcess) {
  const lines: unknown[] = []
  let said = ''
  let bytes = 0
  let end: { aborted: boolean } | undefined
  const waiting: (() => void)[] = []
  const changed = () => new Promise<void>(resolve => waiting.push(resolve))
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  child.stderr?.on('data', chunk => {
    said += chunk
  })
  child.stdin?.on('error', () => {})
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', line => {
      lines.push(JSON.parse(line))
      wake()
    })
  }
  createInterface({ input: child.stdio[READS_FD] as Readable }).on('line', line => {
    bytes += Number(line)
    wake()
  })
  child.on('close', (_, signal) => {
    end = { aborted: signal === 'SIGABRT' }
    wake()
  })
  const next = async (): Promise<unknown> => {
    while (lines.length === 0 && !end) await changed()
    if (lines.length === 0 && !end?.aborted) throw new Error(`the stand-in has ended: ${said}`)
    return lines.shift()
  }
  const took = async (wanted: number) => {
    while (bytes < wanted && lines.length === 0 && !end) await changed()
  }
  return { next, took, stop: () => void child.kill('SIGKILL') }
}

const READS_FD = 3
const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url))
