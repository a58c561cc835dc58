// Servers that were met before: which key each of them proved. docs/key-files.md has the format.

import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { ChannelError } from '../../errors.js'
import { decodePublicKey, encodePublicKey } from '../../keys/text.js'
import { badFile, badFileAt } from './bad-file.js'
import { linesOf } from './lines.js'

export interface KnownServer {
  publicKey: Uint8Array
  /** In the file, from 1. */
  line: number
}

/**
 * The file, as long as no other is named. A path that is not absolute is nobody's word: it would be of the folder that one happens to be in,
 * and who has put a file there would say whom to trust. (The same is in the XDG Base Directory Specification.)
 * @throws ChannelError USE_BAD_FILE where there is no home
 */
export function defaultKnownServers(): string {
  const { XDG_CONFIG_HOME: config = '' } = process.env
  if (isAbsolute(config)) return join(config, 'nopki', 'known_servers')
  const home = [homedir(), userInfo().homedir].find(isAbsolute)
  if (home === undefined) throw badFile('there is no home for the file of known servers', 'say where the file is')
  return join(home, '.config', 'nopki', 'known_servers')
}

/** The server at a place, `host:port`, if it was met. @throws ChannelError USE_BAD_FILE where the file is wrong, which names the line */
export function findServer(path: string, place: string): KnownServer | undefined {
  return parseKnownServers(readIfThere(path), path).get(nameOf(place))
}

/**
 * Remembers a server's key. Another process may do so at the same time: then the first one counts.
 * @returns false where it was there already @throws ChannelError USE_BAD_FILE where another key was remembered meanwhile
 */
export function rememberServer(link: string, place: string, publicKey: Uint8Array): boolean {
  const path = behindLinks(link)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return withLock(path, () => {
    const text = readIfThere(path)
    const known = parseKnownServers(text, path).get(nameOf(place))
    if (known) {
      const claimed = encodePublicKey(publicKey)
      if (encodePublicKey(known.publicKey) !== claimed) throw changedKey(path, place, known, claimed)
      return false
    }
    const day = new Date().toISOString().slice(0, 10)
    const before = text === '' || text.endsWith('\n') ? text : `${text}\n`
    replaceFile(path, `${before}${nameOf(place)} ${encodePublicKey(publicKey)} # first met ${day}\n`)
    return true
  })
}

/** What is said when a server that was met answers with another key, as OpenSSH says it. */
export function changedKey(path: string, place: string, known: KnownServer, claimed: string): ChannelError {
  return badFile(
    `THE KEY OF ${place} HAS CHANGED: remembered is ${encodePublicKey(known.publicKey)} (${path}, line ${known.line}), and it claims ` +
      `${claimed}. Someone may be answering in its place, to read what you send. It is also possible that it was just given a new key.`,
    `ask its operator which key is right; if it is the new one, remove line ${known.line} of ${path}`,
  )
}

/** By `host:port`. */
export function parseKnownServers(text: string, path: string): Map<string, KnownServer> {
  const servers = new Map<string, KnownServer>()
  for (const { words, number } of linesOf(text)) {
    const [place = '', key = '', more] = words
    const where = `${path}:${number}`
    const bad = (reason: string) => badFile(`${where}: ${reason}`, FORM)
    if (key === '' || more !== undefined || !/:\d+$/.test(place)) throw bad('this is no server and key')
    const name = nameOf(place)
    if (servers.has(name)) throw bad(`${name} is in line ${servers.get(name)?.line} already`)
    try {
      servers.set(name, { publicKey: decodePublicKey(key), line: number })
    } catch (error) {
      throw badFileAt(where, error)
    }
  }
  return servers
}

/** Names of hosts are the same in capitals. */
function nameOf(place: string): string {
  return place.toLowerCase()
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return ''
    throw badFile(`${path} cannot be read: ${message}`)
  }
}

/** The file that is to be replaced, and not the link to it. It may not be there yet. */
function behindLinks(path: string): string {
  for (let left = MOST_LINKS; left > 0; left -= 1) {
    try {
      path = resolve(dirname(path), readlinkSync(path))
    } catch {
      return path
    }
  }
  throw badFile(`${path} is a link that leads to itself`)
}

/** All of it or nothing, whatever happens in between. */
function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0o600
  try {
    writeFileSync(draft, text, { mode: mode & 0o777, flush: true })
    renameSync(draft, path)
  } catch (error) {
    unlinkIfThere(draft)
    throw badFile(`${path} cannot be written: ${(error as Error).message}`, 'the server was not remembered')
  }
}

/** One process at a time. A lock that was left behind by a process that died is broken. */
function withLock<T>(path: string, action: () => T): T {
  const lock = `${path}.lock`
  const until = performance.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx', 0o600))
      break
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST') throw badFile(`${lock} cannot be created: ${message}`)
      if (ageOf(lock) > LOCK_STALE_MS) unlinkIfThere(lock)
      else if (performance.now() > until) throw badFile(`${lock} is there`, 'if no other nopki runs, remove it')
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_RETRY_MS)
    }
  }
  try {
    return action()
  } finally {
    unlinkIfThere(lock)
  }
}

function ageOf(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false })
  // Where the clock was set back, it is of a time to come.
  return status ? Math.abs(Date.now() - status.mtimeMs) : 0
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const FORM = 'a line is HOST:PORT and the key, pk_…; correct it, or remove it'
// Within the lock a small file is read and written: nobody holds it for long.
const LOCK_STALE_MS = 10_000
const LOCK_WAIT_MS = 15_000
const LOCK_RETRY_MS = 20
const MOST_LINKS = 40
