import { talkOverTcp } from '../../server.js'

export const dynamic = 'force-dynamic'

export async function GET() {
  return new Response(await talkOverTcp())
}
