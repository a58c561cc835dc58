import { guess, rawBytes } from '../../inspect/capture/messages.js'
import { isCapture } from '../../inspect/index.js'
import type { Recording } from '../../inspect/recording.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { readWhole, writeWhole } from '../frame/files.js'
import { log, print } from '../frame/output.js'
import { keyLogIn } from '../inspect/keylog.js'
import { pageWith } from '../wire/page.js'
import { servePage } from '../wire/serve.js'

export const wire = defineCommand({
  name: 'wire',
  summary: 'writes a page that shows a channel’s bytes and memory, step by step',
  description: `Writes one HTML file that needs no network. In it two engines talk to each other, step by step: every byte on the wire
    with its field, both memories, the keys and what they are made of; what happens if a byte is changed; and version 1 beside version 2.
    With CAPTURE (pcap, pcapng, raw bytes or hex digits) it shows those bytes too, and with a key log what is inside.`,
  args: [{ name: 'CAPTURE', summary: 'a capture, raw bytes, or hex digits', optional: true, completes: 'file' }],
  options: {
    output: {
      short: 'o',
      value: 'FILE',
      summary: 'where to write it; - is standard output',
      default: 'nopki-wire.html',
      completes: 'file',
      writes: true,
    },
    keylog: {
      value: 'FILE',
      summary: 'opens records with the keys that --keylog of another command has written',
      completes: 'file',
    },
    open: { summary: 'writes no file, but serves the page on the loopback until Ctrl-C, and opens a browser' },
  },
  examples: [
    { summary: 'look at it now', line: 'nopki wire --open' },
    { summary: 'a page with a capture in it', line: 'nopki wire traffic.pcap --keylog keys -o traffic.html' },
  ],
  notes: [
    {
      heading: 'What is in the file',
      text: `A page with a key log holds what was said, for whoever has it: it is written for its owner alone, and best deleted soon.
        With --open its address has a word in it that nobody else on the machine knows.`,
    },
  ],
  async run({ output, keylog, open }, [capture]) {
    if (keylog !== undefined && capture === undefined) {
      throw Failure.usage('--keylog is given, and no CAPTURE', 'nopki wire CAPTURE --keylog FILE')
    }
    const page = pageWith(capture === undefined ? undefined : recordingOf(capture, keylog))
    if (open) return await servePage(page)
    if (output === '-') return void process.stdout.write(page)
    writeWhole(output, page, keylog !== undefined)
    print(output)
    if (keylog !== undefined) log.info('it holds the keys of the key log: whoever has the file reads what was said')
  },
})

function recordingOf(capture: string, keylog: string | undefined): Recording {
  const bytes = readWhole(capture)
  if (bytes.length > MOST_BYTES) {
    throw new Failure(
      `${capture} has ${bytes.length} bytes, and a page shows at most ${MOST_BYTES}`,
      'nopki inspect shows all of it',
    )
  }
  if (!isCapture(bytes) && !guess(rawBytes(bytes))) {
    throw new Failure(
      `${capture} is no capture, and does not begin like a message of this protocol`,
      'give a pcap or pcapng file, the raw bytes of one direction, or hex digits',
    )
  }
  const keyLog = keylog === undefined ? Buffer.of() : readWhole(keylog)
  if (keylog !== undefined) keyLogIn(keyLog, keylog)
  return { capture: bytes.toString('base64'), keyLog: keyLog.toString() }
}

const MOST_BYTES = 33_554_432
