import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { badFile } from './bad-file.js'

/** Whether it matters who else may read a file: `insecure` is for those who say that it does not. */
export type Trust = 'checked' | 'insecure'

interface Reading {
  /** What to do if there is no such file. */
  absent?: string
  trust?: Trust
}

/**
 * The text of a file with a secret in it.
 * @throws ChannelError USE_BAD_FILE if others may read it, see `checkAccess`; what is no file, such as a pipe, is not looked at in this way
 */
export function readPrivate(path: string, { absent = '', trust = 'checked' }: Reading = {}): string {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw badFile(`there is no file ${path}`, absent)
    throw badFile(`${path} cannot be opened: ${message}`)
  }
  try {
    // By its descriptor, so that what is looked at is what is read.
    const status = fstatSync(descriptor)
    if (status.isDirectory()) throw badFile(`${path} is a directory`, 'give a file')
    if (status.isFile() && trust === 'checked') checkAccess(path, status)
    if (status.size > LARGEST) throw badFile(`${path} is too large to be what it should`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

/**
 * As PostgreSQL has it: a file of this user’s is for nobody else; one of root’s may be read by its group too, which is how platforms
 * hand secrets over (Kubernetes’ fsGroup, systemd’s credentials).
 */
function checkAccess(path: string, { uid, mode }: Stats): void {
  const user = process.geteuid?.()
  if (user === undefined) return
  if (uid !== user && uid !== ROOT) {
    throw badFile(
      `${path} belongs to another user (${uid}), who may read and change it`,
      `chown it to the user that runs this (${user}); --insecure-key-file takes it all the same`,
    )
  }
  const others = uid === user ? GROUP_AND_OTHERS : ALL_BUT_GROUP_READS
  if ((mode & others) === 0) return
  throw badFile(
    `others than its owner may read ${path} (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
    `chmod ${uid === user ? '600' : '640'} ${path}; if someone has read it, make a new one`,
  )
}

const ROOT = 0
const GROUP_AND_OTHERS = 0o077
const ALL_BUT_GROUP_READS = 0o037
const LARGEST = 64 * 1024
