// The nopki command, run as a person would run it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'uvu'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const running = new Set<ChildProcess>()

export interface Result {
  stdout: string
  stderr: string
  code: number | null
}

/** A command that runs on, and what it has said so far. */
export class Running {
  readonly child: ChildProcess
  readonly done: Promise<Result>
  stdout = ''
  stderr = ''
  #listeners = new Set<() => void>()

  constructor(args: string[], input?: string | Uint8Array) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe', env: { ...process.env, NO_COLOR: '' } })
    running.add(this.child)
    this.child.stdout!.on('data', chunk => this.#heard('stdout', chunk))
    this.child.stderr!.on('data', chunk => this.#heard('stderr', chunk))
    this.child.stdin!.on('error', () => {})
    this.child.stdin!.end(input)
    this.done = new Promise(resolve => {
      this.child.on('close', code => {
        running.delete(this.child)
        this.#tell()
        resolve({ stdout: this.stdout, stderr: this.stderr, code })
      })
    })
  }

  /** Resolves with the match when stderr has it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stderr)
      if (match) return match
      if (!running.has(this.child)) throw new Error(`it ended without saying ${pattern}:\n${this.stderr}`)
      await new Promise<void>(resolve => this.#listeners.add(resolve))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  #heard(name: 'stdout' | 'stderr', chunk: Buffer): void {
    this[name] += chunk
    this.#tell()
  }

  #tell(): void {
    for (const resolve of this.#listeners) resolve()
    this.#listeners.clear()
  }
}

/** Runs a command to its end. */
export function run(args: string[], input?: string | Uint8Array): Promise<Result> {
  return new Running(args, input).done
}

/** A folder of this test file; with its files, and all commands that still run, gone behind the last test. */
export function scratch(test: Test): {
  path(name: string): string
  write(name: string, text: string, mode?: number): string
} {
  const folder = mkdtempSync(join(tmpdir(), 'nopki-'))
  test.after(async () => {
    for (const child of running) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const path = (name: string) => join(folder, name)
  const write = (name: string, text: string, mode = 0o600) => {
    writeFileSync(path(name), text, { mode })
    return path(name)
  }
  return { path, write }
}
