// The path of a Unix socket: taken only where nobody listens, given back only while it is one's own.

import { randomBytes } from 'node:crypto'
import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { basename, dirname, join } from 'node:path'
import { Failure } from '../frame/failure.js'
import { LONGEST_UNIX_PATH } from '../frame/place.js'

/** Which file it is, whatever its path. The time is there because a number is given out again as soon as its file is gone. */
export interface FileIdentity {
  dev: bigint
  ino: bigint
  birthtimeNs: bigint
}

/**
 * Binds at a name of its own, and gives the socket `path` as well: the system does that only where nothing has the path. Node removes
 * the name that it has bound when the server closes, whosesoever it is by then: so that is not `path`.
 * @param listen binds at the path that it is given
 * @returns what removes the socket from its path, unless another is there by then
 * @throws Failure where something is in the way that is no socket, or is one that is answered
 */
export async function claimPath(path: string, listen: (path: string) => Promise<void>): Promise<() => void> {
  const own = ownName(path)
  await listen(own)
  try {
    const identity = identify(own)
    while (!tryLink(own, path)) await clear(path)
    return () => removeIfSame(path, identity)
  } finally {
    unlinkSync(own)
  }
}

/** Removes a file, unless another has its path by now: then that stays. @returns whether it was removed */
export function removeIfSame(path: string, expected: FileIdentity): boolean {
  if (!isSame(lstatSync(path, QUIETLY), expected)) return false
  // Who looks and then removes may remove what came in between: so it is taken aside first, and looked at there.
  const aside = ownName(path)
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  const removed = isSame(lstatSync(aside, QUIETLY), expected)
  if (!removed) linkSync(aside, path)
  unlinkSync(aside)
  return removed
}

/** Removes a socket that a process left behind when it died. */
async function clear(path: string): Promise<void> {
  const status = lstatSync(path, QUIETLY)
  if (!status) return
  if (!status.isSocket()) {
    const what = status.isSymbolicLink() ? 'a symbolic link' : status.isDirectory() ? 'a folder' : 'a file'
    throw new Failure(`unix:${path} is ${what}, and no socket`, 'nothing was removed; take another path')
  }
  if (await answers(path))
    throw new Failure(`unix:${path} is in use`, 'another program listens there; stop it, or take another path')
  removeIfSame(path, status)
}

/** Only a refused connection says that nobody is there: a full queue, or a missing permission, does not. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = net.connect(path)
    probe.once('connect', () => resolve(true))
    probe.once('error', error => resolve(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'))
    probe.once('connect', () => probe.destroy())
  })
}

/** False where the path is taken. */
function tryLink(from: string, path: string): boolean {
  try {
    linkSync(from, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** A name beside the path that nobody else has, and no longer than one may be. */
function ownName(path: string): string {
  const name = `${basename(path)}.${randomBytes(4).toString('hex')}`
  const room = LONGEST_UNIX_PATH - Buffer.byteLength(join(dirname(path), '/'))
  return join(dirname(path), Buffer.byteLength(name) > room ? name.slice(-Math.min(room, RANDOM_LENGTH)) : name)
}

function identify(path: string): FileIdentity {
  return lstatSync(path, { bigint: true })
}

function isSame(one: FileIdentity | undefined, other: FileIdentity): boolean {
  return one?.dev === other.dev && one.ino === other.ino && one.birthtimeNs === other.birthtimeNs
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

const QUIETLY = { bigint: true, throwIfNoEntry: false } as const
const RANDOM_LENGTH = 8
