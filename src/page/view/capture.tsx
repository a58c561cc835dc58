// A capture of the reader's own: dropped, picked or pasted, with a key log.

import { useMemo, useState } from 'preact/hooks'
import type { Core } from '../../engine/index.js'
import { fields, meaningOf } from '../../inspect/index.js'
import type { Recording } from '../../inspect/recording.js'
import { sentenceOf } from '../../inspect/sentences.js'
import { hueOf, type Leaf, leavesOf } from '../run/look.js'
import { type Dialogue, readPieces, readTraffic, type Traffic } from '../run/traffic.js'
import { count } from './bytes.js'
import type { Giving } from './given.js'
import { Inspector, type Looked } from './inspector.js'
import { MessageView, type Shown } from './message.js'

interface Props {
  core: Core
  recording: Recording | undefined
  giving: Giving
  current: string
  /** By its name, for links; empty for nothing. */
  look(field: string): void
}

export function Captured({ core, recording, giving, current, look }: Props) {
  const [peeked, setPeeked] = useState<Looked | undefined>(undefined)
  const { bytes, keyLog } = giving.given
  const result = useMemo((): { traffic?: Traffic; error?: string } => {
    try {
      if (bytes) return { traffic: readTraffic(core, bytes, keyLog) }
      return recording ? { traffic: recorded(core, recording, keyLog) } : {}
    } catch (error) {
      return { error: (error as Error).message }
    }
  }, [core, recording, bytes, keyLog])
  const { traffic } = result
  const error = giving.given.trouble || result.error
  return (
    <div class="captured">
      <section class="giving" aria-label="your own bytes">
        <header>
          <h2>Your own bytes</h2>
          <p>
            A capture (pcap or pcapng) or bytes as hex, and a key log. Drop them anywhere on this page, pick them, or
            paste them. Nothing leaves it: it has no network.
          </p>
        </header>
        <Inputs giving={giving} />
        {error ? <p class="outcome bad">{error}.</p> : null}
        {traffic?.trouble ? <p class="note">The capture was not read to its end: {traffic.trouble}.</p> : null}
        {traffic?.keysTrouble ? <p class="note">Of the key log {traffic.keysTrouble}.</p> : null}
      </section>
      {traffic?.dialogues.slice(0, MOST_DIALOGUES).map((dialogue, number) => (
        <DialogueView
          key={`${number} ${dialogue.title}`}
          dialogue={dialogue}
          number={number}
          current={current}
          look={it => {
            setPeeked(undefined)
            look(it.id)
          }}
          peek={setPeeked}
        />
      ))}
      {traffic && traffic.dialogues.length > MOST_DIALOGUES ? (
        <p class="note">
          and {traffic.dialogues.length - MOST_DIALOGUES} more connections; `nopki inspect` shows them all
        </p>
      ) : null}
      <Inspector looked={peeked ?? (traffic && linked(traffic, current))} whereabouts={[]} close={() => look('')} />
    </div>
  )
}

function Inputs({ giving: { given, give, takeFiles } }: { giving: Giving }) {
  return (
    <div class="inputs">
      <label>
        <span>a capture, raw bytes, a key log: from files</span>
        <input
          type="file"
          multiple
          data-give="file"
          onChange={event => {
            const { files } = event.currentTarget
            if (files) void takeFiles(files)
          }}
        />
      </label>
      <Pasted
        label="or pasted, as hex"
        name="hex"
        value={given.hex}
        give={hex => give({ hex, bytes: hex.trim() ? new TextEncoder().encode(hex) : undefined })}
      />
      <Pasted
        label="key log, as --keylog and onKeys write it: it opens the records"
        name="keys"
        value={given.keyLog}
        give={keyLog => give({ keyLog })}
      />
    </div>
  )
}

function Pasted(props: { label: string; name: string; value: string; give(text: string): void }) {
  const { label, name, value, give } = props
  return (
    <label>
      <span>{label}</span>
      <textarea
        class="mono"
        rows={3}
        spellcheck={false}
        data-give={name}
        value={value}
        onInput={event => give(event.currentTarget.value)}
      />
    </label>
  )
}

interface DialogueProps {
  dialogue: Dialogue
  number: number
  current: string
  look(it: Looked): void
  peek(it: Looked | undefined): void
}

function DialogueView({ dialogue: { title, messages, trouble }, number, current, look, peek }: DialogueProps) {
  return (
    <section class="dialogue" aria-label={title} data-dialogue={number}>
      <h2>
        {title} <small>{count(messages.reduce((sum, it) => sum + it.bytes.length, 0))}</small>
      </h2>
      {trouble ? <p class="note">{trouble}</p> : null}
      {messages.slice(0, MOST_SHOWN).map((it, index) => {
        const prefix = `capture.${number}.${index}.`
        const told = (leaf: Leaf, message: Shown) => lookedAt(prefix, leaf, message)
        return (
          <MessageView
            key={`${it.from} ${it.offset}`}
            message={{ ...it, index }}
            open={index < 4 && number < MOST_OPEN}
            current={current.startsWith(prefix) ? current.slice(prefix.length) : undefined}
            look={(leaf, message) => look(told(leaf, message))}
            peek={(leaf, message) => peek(leaf && told(leaf, message))}
            opened
          />
        )
      })}
      {messages.length > MOST_SHOWN ? (
        <p class="note">and {messages.length - MOST_SHOWN} more records; `nopki inspect` shows them all</p>
      ) : null}
    </section>
  )
}

/** What a link points to: `capture.0.2.plaintext.data`. */
function linked({ dialogues }: Traffic, field: string): Looked | undefined {
  const [, dialogue, index, ...path] = field.split('.')
  const message = dialogues[Number(dialogue)]?.messages[Number(index)]
  const leaf = message && leavesOf(message).find(it => it.path === path.join('.'))
  return leaf && message && lookedAt(`capture.${dialogue}.${index}.`, leaf, { ...message, index: Number(index) })
}

/** A field with its words. */
export function lookedAt(prefix: string, leaf: Leaf, { kind, bytes, plaintext }: Shown): Looked {
  const own = leaf.inside ? 'plaintext' : kind
  const sentence = sentenceOf(own, leaf.name)
  const whole = leaf.inside ? plaintext : bytes
  const found = whole && fields(own, whole).find(it => it.offset === leaf.field.offset)
  return {
    id: prefix + leaf.path,
    title: leaf.name,
    hue: hueOf(leaf),
    bytes: leaf.field.bytes,
    text: sentence?.text ?? 'Bytes that belong to no message.',
    meaning: meaningOf(found && !found.parts ? found : leaf.field, own),
    section: sentence?.section,
    offset: leaf.field.offset,
  }
}

function recorded(core: Core, { capture, pieces }: Recording, keyLog: string): Traffic {
  if (capture !== undefined) return readTraffic(core, fromBase64(capture), keyLog)
  return readPieces(
    core,
    (pieces ?? []).map(it => ({ from: it.from, bytes: fromBase64(it.bytes) })),
    keyLog,
  )
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), it => it.charCodeAt(0))
}

// Of a dialogue's messages, and of dialogues; and how many of these start with their fields shown.
const MOST_SHOWN = 200
const MOST_DIALOGUES = 100
const MOST_OPEN = 4
