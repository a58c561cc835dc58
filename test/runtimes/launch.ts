// Starts a runner in its runtime, gives it commands, and reads its reports.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Command } from '../suite/main.js'
import { isBrowser, type Runtime } from './binaries.js'
import { startBrowser } from './browser.js'
import { startWorker } from './worker.js'

export type OnLine = (line: object) => void

export interface Runner {
  /** Resolves when the command is over; one that serves is over for the others at once, and for a process never. */
  run(command: Command, onLine: OnLine): Promise<void>
  /** The processes at work, by what they do. */
  processes(): Promise<Record<string, number>>
  close(): Promise<void>
}

/** @param folder a project with the runners in it, of `suiteProject` */
export async function start(runtime: Runtime, folder: string): Promise<Runner> {
  if (runtime.name === 'workerd') return startWorker(runtime.path, folder)
  if (isBrowser(runtime.name)) return startBrowser(runtime, folder)
  return processRunner(runtime, folder)
}

/** The first line that a command reports; what it does goes on. */
export function firstLine<T>(runner: Runner, command: Command): Promise<T> {
  return new Promise((resolve, reject) => {
    runner.run(command, line => resolve(line as T)).catch(reject)
  })
}

/** All lines of a command’s report. */
export async function report<T>(runner: Runner, command: Command): Promise<T[]> {
  const lines: object[] = []
  await runner.run(command, line => lines.push(line))
  return lines as T[]
}

/** Node, Deno and Bun: a process a command. */
function processRunner({ name, path }: Runtime, folder: string): Runner {
  const children = new Set<ReturnType<typeof spawn>>()
  return {
    run(command, onLine) {
      const child = spawn(path, [...runArguments(name), join('runners', `${name}.js`), JSON.stringify(command)], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: QUIET,
      })
      children.add(child)
      return reportOf(child, name, onLine).finally(() => children.delete(child))
    },
    processes: async () => Object.fromEntries([...children].map(child => [name, child.pid ?? 0])),
    async close() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

export function runArguments(name: string): string[] {
  return name === 'deno' ? ['run', '--allow-all', '--no-remote'] : []
}

/** Reads a child’s report until it ends; fails with what it said on stderr unless it ended well, or was stopped. */
export function reportOf(child: ReturnType<typeof spawn>, name: string, onLine: OnLine): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    if (child.stdout) createInterface({ input: child.stdout }).on('line', line => onLine(JSON.parse(line)))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve()
      else reject(new Error(`${name} ended with ${code ?? signal}: ${said}`))
    })
  })
}

// The runtimes’ own news and reports would have nobody to go to.
const QUIET = { ...process.env, DENO_NO_UPDATE_CHECK: '1', DO_NOT_TRACK: '1', NO_COLOR: '1' }
