import http from 'node:http'
import { bare } from '../keys/given.js'
import { type Asked, type ConnectTarget, type MoreOptions, readReusable, startSocket } from '../node/connect.js'
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
  return new ChannelAgent(readReusable(target, options), forNet(CONNECT, AGENT_OPTIONS, options))
}

class ChannelAgent extends http.Agent {
  #asked: Asked

  /** @param options for http.Agent alone, which shows them to everybody: there must be no key among them */
  constructor(asked: Asked, options: object) {
    const { keepAlive = true, timeout } = asked.ours
    super(bare<object>(options, { keepAlive }, timeout === undefined ? {} : { timeout }))
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
// What a class may have of http.Agent’s options.
const AGENT_OPTIONS = ['keepAliveMsecs', 'maxSockets', 'maxTotalSockets', 'maxFreeSockets', 'scheduling']
