// The command as a person runs it: in processes of its own, at a terminal if need be, with files in a folder that is removed.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'uvu'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** A folder for one test file, removed behind it; programs that still run are ended first. */
export function workFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'nopki-'))
  test.after.each(endAll)
  test.after(async () => {
    await endAll()
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Paths and small files in a folder. */
export function filesIn(folder: string) {
  const path = (name: string) => join(folder, name)
  const write = (name: string, text: string) => {
    writeFileSync(path(name), text, { mode: 0o600 })
    return path(name)
  }
  return { path, write }
}

export interface RunOptions {
  input?: string | Buffer
  cwd?: string
  env?: NodeJS.ProcessEnv
}

export interface Result {
  code: number | null
  out: Buffer
  err: string
}

/** `nopki ARGS`, until it ends. */
export async function nopki(args: string[], options: RunOptions = {}): Promise<Result> {
  return await run(process.execPath, [MAIN, ...args], options)
}

/** Any program, until it ends. */
export async function run(
  program: string,
  args: string[],
  { input = '', ...options }: RunOptions = {},
): Promise<Result> {
  const started = new Running(program, args, options)
  started.child.stdin?.on('error', () => {})
  started.child.stdin?.end(input)
  return await started.ended
}

/** `nopki ARGS`, which stays. */
export function startNopki(args: string[], options: RunOptions = {}): Running {
  return new Running(process.execPath, [MAIN, ...args], options)
}

/** `nopki ARGS` at a terminal of its own: what is typed is written to `child.stdin`, what it shows is `out`. */
export function atTerminal(args: string[]): Running {
  return new Running('python3', ['-c', TERMINAL, process.execPath, MAIN, ...args])
}

/** The same for a line that a shell reads. */
export function shellAtTerminal(line: string, env: NodeJS.ProcessEnv): Running {
  return new Running('python3', ['-c', TERMINAL, 'sh', '-c', line], { env })
}

/** A program that runs, and what it has written so far. */
export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Result>
  #out: Buffer[] = []
  #err = ''
  #waiting = new Set<() => void>()

  constructor(program: string, args: string[], { cwd, env }: RunOptions = {}) {
    this.child = spawn(program, args, { ...(cwd && { cwd }), env: { ...process.env, ...env } })
    running.add(this)
    this.child.stdout?.on('data', chunk => {
      this.#out.push(chunk)
      this.#look()
    })
    this.child.stderr?.on('data', chunk => {
      this.#err += chunk
      this.#look()
    })
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', code => {
        running.delete(this)
        resolve({ code, out: Buffer.concat(this.#out), err: this.#err })
        this.#look()
      })
    })
    this.ended.catch(() => {})
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get err(): string {
    return this.#err
  }

  get out(): Buffer {
    return Buffer.concat(this.#out)
  }

  /** What it writes, on either stream, that looks so; fails where it ends before. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#err) ?? pattern.exec(String(this.out))
      if (found) return found
      if (!running.has(this)) throw new Error(`it ended without ${pattern}:\n${this.#err}${this.out}`)
      await new Promise<void>(resolve => this.#waiting.add(resolve))
    }
  }

  /** Has it end, and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> {
    this.child.kill(signal)
    return await this.ended
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** A key pair in the folder: its file, and its public key. */
export async function makeKey(folder: string, name: string): Promise<{ file: string; publicKey: string }> {
  const file = join(folder, `${name}.key`)
  const { out, err } = await nopki(['keygen', '-o', file])
  if (err) throw new Error(err)
  return { file, publicKey: String(out).trim() }
}

/** The environment with a `nopki` on the path, for shells. */
export function withCommand(folder: string): NodeJS.ProcessEnv {
  writeFileSync(join(folder, 'nopki'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 })
  return { PATH: `${folder}${delimiter}${process.env.PATH}` }
}

/** Where a program is installed, by its name; undefined where it is not. */
export async function installed(program: string): Promise<string | undefined> {
  const { code, out } = await run('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`])
  return code === 0 ? String(out).trim() : undefined
}

/** In place of `guarded`, where the machine lacks something: skips, and says what. */
export function skippedWithout(what: string): (test: Test, name: string) => void {
  return skippedFor(`no ${what}`)
}

export function skippedFor(reason: string): (test: Test, name: string) => void {
  return (test, name) => {
    console.log(`skipped: ${name}: ${reason}`)
    test.skip(name, () => {})
  }
}

async function endAll(): Promise<void> {
  const all = [...running]
  for (const { child } of all) child.kill('SIGKILL')
  await Promise.all(all.map(it => it.ended.catch(() => {})))
}

const running = new Set<Running>()
const TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
