import http from 'node:http'
import { badOption, type Check, type OptionTable, oneOf } from '../engine/snapshot.js'
import { bare } from '../keys/given.js'
import { type Asked, type ConnectTarget, type MoreOptions, readReusable, startSocket } from '../node/connect.js'
import { checkTimeout } from '../node/facts.js'
import { CONNECT, forNet } from '../node/options.js'
import type { SecureSocket } from '../node/socket.js'
import { NODE_CODES, socketsWith } from './border.js'

/** The channel’s options, and those of http.Agent. `timeout` and `keepAlive` are both’s: a request’s connections are kept by default. */
export type AgentOptions = MoreOptions & http.AgentOptions

/**
 * An http.Agent whose connections are channels to one server, whatever host and port the request’s address names; those become the Host
 * header. It serves `http:` and `https:` addresses alike: that of a channel is encrypted either way.
 *
 * A channel that breaks off is the request’s error ECONNRESET, and one that takes too long to be made ETIMEDOUT, which clients retry, with
 * the channel’s own error as the cause. Others, such as PEER_NOT_AUTHORIZED, stay.
 *
 * @param target as of `connect`, but for `stream`
 * @throws ChannelError USE_* for wrong options
 */
export function createAgent(address: string, options?: AgentOptions): http.Agent
export function createAgent(target: ConnectTarget, options?: AgentOptions): http.Agent
export function createAgent(target: string | ConnectTarget, options: AgentOptions = {}): http.Agent {
  return new ChannelAgent(readReusable<Own>(target, options, AGENT), forNet(AGENT, [], options))
}

type Own = Pick<AgentOptions, (typeof OWN)[number]>

class ChannelAgent extends http.Agent {
  #asked: Asked

  /** @param others for http.Agent alone, which shows its options to everybody: there must be no key among them */
  constructor(asked: Asked<Own>, others: object) {
    const { ours } = asked
    const own = Object.fromEntries(OWN.filter(it => ours[it] !== undefined).map(it => [it, ours[it]]))
    super(bare<object>(others, { keepAlive: true }, own))
    this.#asked = asked
    // A request compares its address’ protocol with its agent’s: with none, https passes too.
    Object.assign(this, { protocol: undefined })
  }

  /** The connections of all hosts are to the same server. */
  override getName(): string {
    return 'channel'
  }

  override createConnection({ timeout }: http.ClientRequestArgs): SecureSocket {
    const socket = startSocket(this.#asked, AgentSocket)
    return timeout ? socket.setTimeout(timeout) : socket
  }
}

const AgentSocket = socketsWith(NODE_CODES)

/** How many, or no limit. http.Agent takes what is no number too, and then requests wait for ever. */
function most(low: number): Check {
  return (value, name) => {
    if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= low)) return value
    throw badOption(name, value, `a whole number from ${low}, or Infinity`)
  }
}

const AGENT: OptionTable = {
  ...CONNECT,
  keepAliveMsecs: checkTimeout,
  maxSockets: most(0),
  maxTotalSockets: most(1),
  maxFreeSockets: most(0),
  scheduling: oneOf('fifo', 'lifo'),
}
const OWN = [
  'keepAlive',
  'timeout',
  'keepAliveMsecs',
  'maxSockets',
  'maxTotalSockets',
  'maxFreeSockets',
  'scheduling',
] as const
