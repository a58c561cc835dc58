// Where the table is in Redis, as it is written on the command line.

import { Failure } from '../frame/failure.js'

/** Where the hash is. The password is not part of it. */
export interface RedisPlace {
  /** `redis[s]://host[:port][/database]` */
  url: string
  /** The ACL user; undefined for Redis’ default one. */
  username?: string
  /** The hash's name. */
  hash: string
}

/** Whether the table is not in a file. */
export function isUrl(text: string): boolean {
  return /^rediss?:|^[a-z][a-z0-9+.-]*:\/\//i.test(text)
}

/** `redis[s]://[USER@]HOST[:PORT][/DATABASE][?key=HASH]` @throws Failure of usage */
export function parseRedisPlace(text: string): RedisPlace {
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  if (!['redis', 'rediss'].includes(scheme)) {
    throw Failure.usage(`a table cannot be at ${scheme}://`, hintFor(scheme))
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw Failure.usage('the table’s address in Redis cannot be read', FORM)
  }
  if (url.password !== '') {
    throw Failure.usage(
      'there is a password in the table’s address, where everybody on this machine can read it',
      PASSWORD,
    )
  }
  const hash = url.searchParams.get('key') ?? 'nopki:routes'
  const username = decodeURIComponent(url.username)
  url.searchParams.delete('key')
  url.username = ''
  if (url.search !== '' || url.hash !== '' || url.hostname === '' || hash === '') {
    throw Failure.usage('the table’s address in Redis has something that does not belong there', FORM)
  }
  return { url: url.href, hash, ...(username !== '' && { username }) }
}

const FORM = 'give redis://HOST:PORT, with ?key=HASH where the hash is not nopki:routes'
const PASSWORD = 'put it into a file, and give that with --table-password FILE'

function hintFor(scheme: string): string {
  return (
    HINTS.find(([kind]) => scheme.includes(kind))?.[1] ??
    'give a file, or redis://HOST:PORT; rediss:// is the same over TLS'
  )
}

const HINTS = [
  [
    'sentinel',
    'Sentinel is not asked: give redis://HOST:PORT (or rediss://) of what follows the master, such as HAProxy, or of a replica beside the router',
  ],
  ['cluster', 'a cluster is not asked: give redis://HOST:PORT (or rediss://) of one Redis that has the whole table'],
  ['unix', 'give redis://127.0.0.1:PORT; Redis has to listen on a port of the loopback'],
] as const
