import { protocolOptions } from '../channels/protocol.js'
import { type Client, clientOf } from '../doctor/client.js'
import { examine } from '../doctor/examine.js'
import type { Step } from '../doctor/step.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { print, printJson } from '../frame/output.js'
import { duration } from '../frame/values.js'
import { keyOptions } from '../keys/options.js'

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'tries a connection, and says step by step what works and what does not',
  description: `Looks up the name, connects, sends a hello, and so on, and says of every step what was found, how long it took, and what
    it means. Sends nothing but the end of a channel, which a service sees as a client that connects and leaves at once. The exit code is 1
    where a step failed.`,
  args: [{ name: 'ADDRESS', summary: 'nopki://pk_…@HOST:PORT; HOST:PORT; or unix:PATH' }],
  options: {
    ...keyOptions,
    'server-key': { value: 'KEY', summary: 'the public key that the server has to prove, where ADDRESS has none' },
    'known-servers': {
      value: 'FILE',
      summary: 'where keys of servers are remembered (default ~/.config/nopki/known_servers)',
      completes: 'file',
    },
    ...protocolOptions,
    timeout: {
      value: 'TIME',
      summary: 'how long connecting, and the handshake, may take',
      default: '10s',
      read: duration,
    },
    wait: { value: 'TIME', summary: 'how long to wait for a refusal, which comes late', default: '3s', read: duration },
    json: { summary: 'prints an object a line for every step' },
  },
  examples: [
    { summary: 'why does it not connect?', line: 'nopki doctor nopki://pk_…@host.example:4433 -k alice.key' },
    { summary: 'which key does that server have?', line: 'nopki doctor host.example:4433' },
    { summary: 'for programs', line: 'nopki doctor nopki://pk_…@host.example:4433 --json' },
  ],
  notes: [
    {
      heading: 'The round trips',
      text: `Two are told, and neither needs the application’s help. TCP’s is the time from the connection request to its answer, by the
        two systems alone. The handshake’s is the time from the hello to the challenge: one more round trip, the two ends’ arithmetic,
        and where there is a middlebox, its connecting to the server.`,
    },
    {
      heading: 'Authorized or not',
      text: `A server that refuses a client says so under encryption, after the handshake; one that serves it need not say anything. So
        the channel’s own direction is ended: a server that serves ends the other one too, as long as its application does not hold it
        open. Where nothing comes within --wait, it is told as unknown.`,
    },
  ],
  async run(values, [address = '']) {
    const client = await clientOf(address, values)
    let failed: Step | undefined
    const tell = (step: Step) => {
      if (values.json) printJson(step)
      else print(lineOf(step))
      if (step.result === 'failed') failed ??= step
    }
    await tellAll(client, values, tell)
    if (failed) throw new Failure(`${failed.step}: ${failed.found}`, failed.means)
  },
})

async function tellAll(
  client: Client,
  times: { timeout: number; wait: number },
  tell: (step: Step) => void,
): Promise<void> {
  for await (const step of examine(client, times)) tell(step)
}

/** `ok       TCP         connected to 10.0.0.5:4433 (0.4 ms)`, and below it what it means. */
function lineOf({ step, result, found, means, milliseconds }: Step): string {
  const time = milliseconds === undefined ? '' : ` (${milliseconds.toFixed(1)} ms)`
  const line = `${result.padEnd(8)} ${step.padEnd(11)} ${found}${time}`
  // What a failure means is said behind it, as the hint.
  return means && result !== 'failed' ? `${line}\n${' '.repeat(21)}${means}` : line
}
