import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Core } from '../../engine/index.js'
import type { Recording } from '../../inspect/recording.js'
import type { WasmModule } from '../../wasm/instance.js'
import { fromHash, type Place as Linked, toHash } from '../run/link.js'
import { tell } from '../run/tell.js'
import { Captured } from './capture.js'
import { type Giving, useGiving } from './given.js'
import { Stage } from './stage.js'
import { Versions } from './versions.js'

interface Props {
  module: WasmModule
  recording: Recording | undefined
}

export function App({ module, recording }: Props) {
  const [place, setPlace] = useState(() => {
    const linked = fromHash(location.hash)
    return recording && location.hash === '' ? { ...linked, tab: 'capture' as const } : linked
  })
  const move = (change: Partial<Linked>) => setPlace(before => ({ ...before, ...change }))
  const giving = useGiving(recording, () => move({ tab: 'capture', field: '' }))
  useEffect(() => {
    // The address may have been written anew since, by what was shown before.
    const follow = (event: HashChangeEvent) => setPlace(fromHash(new URL(event.newURL).hash))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  useAddress(place)
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        skip to the conversation
      </button>
      <Masthead place={place} move={move} />
      <main id="main" tabIndex={-1}>
        <Tab module={module} recording={recording} giving={giving} place={place} move={move} />
      </main>
      <footer>
        <p>
          Everything here is made by the engines of nopki, in this page, with bytes that follow from the seed “
          {place.seed}”: never use its keys. The page loads nothing and sends nothing.
        </p>
      </footer>
    </>
  )
}

/** Keeps the address that of what is shown: not at every movement of a slider, for WebKit forbids the 101st change within 30 s. */
function useAddress(place: Linked): void {
  const last = useRef(Number.NEGATIVE_INFINITY)
  useEffect(() => {
    const hash = toHash(place)
    if (hash === location.hash.slice(1)) return
    const write = () => {
      last.current = performance.now()
      history.replaceState(null, '', hash === '' ? location.pathname + location.search : `#${hash}`)
    }
    const timer = setTimeout(write, Math.max(0, last.current + ADDRESS_MS - performance.now()))
    return () => clearTimeout(timer)
  }, [place])
}

interface TabProps extends Props {
  giving: Giving
  place: Linked
  move(change: Partial<Linked>): void
}

function Tab({ module, recording, giving, place, move }: TabProps) {
  const { tab, version, seed, text, padding, view } = place
  const middlebox = view === 'middlebox'
  const told = { version, seed, text, padding, middlebox }
  const whole = useMemo(() => tell(module, told), [module, version, seed, text, padding, middlebox])
  const broken = tab === 'break' ? place.broken : undefined
  const story = useMemo(() => (broken ? tell(module, { ...told, broken }) : whole), [whole, JSON.stringify(broken)])
  if (tab === 'versions') {
    const step = Math.max(0, Math.trunc(Number(place.step)) || 0)
    return <Versions module={module} seed={seed} text={text} step={step} field={place.field} move={move} />
  }
  if (tab === 'capture') {
    return <Capture module={module} recording={recording} giving={giving} place={place} move={move} />
  }
  return <Stage story={story} whole={whole} place={place} move={move} />
}

function Capture({ module, place, move, ...given }: TabProps) {
  const core = useMemo(() => new Core(module), [module])
  return <Captured core={core} {...given} current={place.field} look={field => move({ field })} />
}

function Masthead({ place, move }: { place: Linked; move(change: Partial<Linked>): void }) {
  const tabs: [Linked['tab'], string][] = [
    ['walk', 'Walk through'],
    ['break', 'Break it'],
    ['versions', 'The one in the middle'],
    ['capture', 'Your own bytes'],
  ]
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'auto')
  const paint = (it: string) => {
    setTheme(it)
    if (it === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = it
  }
  return (
    <header class="masthead">
      <div class="title">
        <h1>nopki, on the wire</h1>
        <p>
          A secure channel between programs that know each other by public key: every byte of it, and the memory it
          comes from.
        </p>
      </div>
      <nav aria-label="parts of this page">
        {tabs.map(([tab, label]) => (
          <button
            type="button"
            key={tab}
            data-tab={tab}
            aria-current={place.tab === tab ? 'page' : undefined}
            onClick={() => move({ tab, step: '', field: '' })}
          >
            {label}
          </button>
        ))}
      </nav>
      <label class="theme">
        <span>colours</span>
        <select value={theme} onChange={event => paint(event.currentTarget.value)}>
          <option value="auto">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
    </header>
  )
}

const ADDRESS_MS = 400
