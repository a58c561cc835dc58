// A message on the wire: its fields as blocks of bytes, its boxes with what is in them.

import { memo } from 'preact/compat'
import { useState } from 'preact/hooks'
import type { MessageKind } from '../../inspect/index.js'
import { hueOf, type Leaf, leavesOf, type Opened } from '../run/look.js'
import { ascii, count, Hex } from './bytes.js'

export interface Shown {
  index: number
  from: 'client' | 'server' | 'middle'
  kind: MessageKind
  bytes: Uint8Array
  plaintext?: Uint8Array | undefined
  trouble?: string | undefined
}

interface Props {
  message: Shown
  /** Whether it starts with its fields shown. */
  open: boolean
  /** The path of the field that is looked at, if it is of this message. */
  current: string | undefined
  look(leaf: Leaf, message: Shown): void
  peek(leaf: Leaf | undefined, message: Shown): void
  /** What a box holds, for those who may know. */
  boxes?: ((name: string) => Opened | undefined) | undefined
  /** Whether what records hold is shown. */
  opened: boolean
  /** Bytes to be marked: changed, or stolen. */
  marks?: ReadonlySet<number> | undefined
  note?: string | undefined
}

export const MessageView = memo(function MessageView(props: Props) {
  const { message, current, note } = props
  const [folded, setFolded] = useState<boolean | undefined>(undefined)
  const shown = folded === undefined ? props.open || current !== undefined : !folded
  const leaves = leavesOf(props.opened ? message : { ...message, plaintext: undefined })
  const outer = leaves.filter(it => !it.inside)
  return (
    <article class={`message from-${message.from}`} data-message={message.index}>
      <h3>
        <button type="button" class="head" aria-expanded={shown} onClick={() => setFolded(shown)}>
          <span class="name">{TITLES[message.kind]}</span>
          <span class="way">{WAYS[message.from]}</span>
          <span class="size">{count(message.bytes.length)}</span>
        </button>
      </h3>
      <Strip leaves={outer} />
      {note ? <p class="note">{note}</p> : null}
      {shown ? <Fields {...props} leaves={leaves} /> : null}
    </article>
  )
})

/** The whole message as a bar of colours: how much of it is what. */
export function Strip({ leaves }: { leaves: readonly Leaf[] }) {
  return (
    <div class="strip" aria-hidden="true">
      {leaves.map(it => (
        <i class={`hue-${hueOf(it)}`} style={{ flexGrow: Math.sqrt(it.field.length) }} />
      ))}
    </div>
  )
}

function Fields(props: Props & { leaves: readonly Leaf[] }) {
  const { leaves, message } = props
  const groups: { box: string | undefined; inside: boolean; leaves: Leaf[] }[] = []
  for (const leaf of leaves) {
    const last = groups.at(-1)
    const same = leaf.inside ? last?.inside : leaf.box !== undefined && last?.box === leaf.box
    if (last && same) last.leaves.push(leaf)
    else groups.push({ box: leaf.box, inside: leaf.inside, leaves: [leaf] })
  }
  return (
    <div class="fields">
      {groups.map(group =>
        group.inside ? (
          <div class="inside">
            <h4>opened</h4>
            {group.leaves.map(leaf => (
              <Field {...props} leaf={leaf} />
            ))}
          </div>
        ) : group.box ? (
          <Box {...props} name={group.box} parts={group.leaves} />
        ) : (
          group.leaves.map(leaf => <Field {...props} leaf={leaf} />)
        ),
      )}
      {message.trouble ? <p class="note">{message.trouble}</p> : null}
    </div>
  )
}

function Box(props: Props & { name: string; parts: readonly Leaf[] }) {
  const { name, parts, boxes } = props
  const [open, setOpen] = useState(false)
  const content = open ? boxes?.(name) : undefined
  return (
    <div class={`box ${content ? 'is-open' : ''}`} data-box={name}>
      <h4>
        <span class="lock" aria-hidden="true">
          {content ? '◇' : '◆'}
        </span>
        {name}
        {boxes ? (
          <button type="button" class="quiet" aria-expanded={content !== undefined} onClick={() => setOpen(!open)}>
            {open ? 'close' : 'open the box'}
          </button>
        ) : null}
      </h4>
      {open && boxes && !content ? <p class="note">You do not have the key of this box.</p> : null}
      {content ? (
        <dl class="content">
          <dt>{content.what}</dt>
          <dd class="mono">
            <Hex bytes={content.plaintext} />
          </dd>
          <dt>sealed with</dt>
          <dd>
            {content.by}, to {content.to}
          </dd>
          {content.key ? (
            <>
              <dt>under the key</dt>
              <dd class="mono">
                <Hex bytes={content.key} />
              </dd>
            </>
          ) : null}
        </dl>
      ) : null}
      {parts.map(leaf => (
        <Field {...props} leaf={leaf} />
      ))}
    </div>
  )
}

function Field({ leaf, message, current, look, peek, marks }: Props & { leaf: Leaf }) {
  const { field, name, path } = leaf
  const start = field.offset
  const own =
    !leaf.inside && marks
      ? new Set([...marks].map(it => it - start).filter(it => it >= 0 && it < field.length))
      : undefined
  const text = field.kind === 'data' ? ascii(field.bytes.subarray(0, 240)) : ''
  return (
    <button
      type="button"
      class={`field hue-${hueOf(leaf)}`}
      aria-pressed={current === path}
      data-path={path}
      onClick={() => look(leaf, message)}
      onFocus={() => peek(leaf, message)}
      onBlur={() => peek(undefined, message)}
      onMouseEnter={() => peek(leaf, message)}
      onMouseLeave={() => peek(undefined, message)}
    >
      <span class="label">
        {leaf.box && !leaf.inside ? field.name : name} <small>{count(field.length)}</small>
      </span>
      <span class="hex">
        <Hex bytes={field.bytes} most={leaf.inside ? 160 : 48} marks={own} />
      </span>
      {text ? <span class="ascii">{text}</span> : null}
    </button>
  )
}

export const TITLES: Record<MessageKind, string> = {
  box: 'box',
  hello1: 'hello',
  hello2: 'hello',
  challenge1: 'challenge',
  challenge2: 'challenge',
  response: 'response',
  reject: 'reject',
  reason: 'reason',
  credit: 'credit',
  alive: 'sign of life',
  header: 'stream header',
  record1: 'record',
  record2: 'record',
  plaintext: 'plaintext',
}
const WAYS = { client: 'client → server', server: 'server → client', middle: 'Mallory →' }
