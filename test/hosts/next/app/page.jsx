import { drawnKey } from '../server.js'
import Channel from './channel.jsx'

export const dynamic = 'force-dynamic'

export default function Page() {
  return (
    <main>
      <p id="server">{drawnKey()}</p>
      <Channel />
    </main>
  )
}
