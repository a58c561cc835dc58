// Starts the stand-in for the published program, and reads what it reports.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { KeyPair } from '../../src/node/index.js'
import type { Call, Outcome } from './program.js'

/** What became of a connection; of one that ended the whole process, that. */
export type Ending = Outcome & { aborted: boolean }

export interface Server {
  port: number
  /** Of the connections in their order; one that is called for when the process is gone has been aborted. */
  next(): Promise<Ending>
  stop(): void
}

export interface Client {
  call(port: number, steps: string[]): Promise<Ending>
  stop(): void
}

/** It goes through the steps with every client. */
export async function startServer(keyPair: KeyPair, steps: string[]): Promise<Server> {
  const child = start('serve', keyPair, JSON.stringify(steps))
  const { next, stop } = linesOf(child)
  const port = (await next()) as number | undefined
  if (port === undefined) throw new Error('the stand-in does not run')
  return { port, next: async () => endingOf((await next()) as Outcome | undefined), stop }
}

/** Calls a server with this key. */
export function startClient(keyPair: KeyPair, serverKey: Uint8Array): Client {
  let running: { child: ChildProcess; next: () => Promise<unknown>; stop: () => void } | undefined
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
    stop: () => running?.stop(),
  }
}

function endingOf(outcome: Outcome | undefined): Ending {
  return outcome ? { ...outcome, aborted: false } : { key: '', heard: '', ended: '', aborted: true }
}

function start(...[role, { secretKey }, ...rest]: [string, KeyPair, ...string[]]): ChildProcess {
  const args = [PROGRAM, role, Buffer.from(secretKey).toString('base64url'), ...rest]
  return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Each line as a value; undefined once the process was aborted. A process that ends in another way has gone wrong. */
function linesOf(child: ChildProcess) {
  const lines: unknown[] = []
  let said = ''
  let end: { aborted: boolean } | undefined
  let wake = () => {}
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
  child.on('close', (_, signal) => {
    end = { aborted: signal === 'SIGABRT' }
    wake()
  })
  const next = async (): Promise<unknown> => {
    while (lines.length === 0 && !end) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    if (lines.length === 0 && !end?.aborted) throw new Error(`the stand-in has ended: ${said}`)
    return lines.shift()
  }
  return { next, stop: () => void child.kill('SIGKILL') }
}

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url))
