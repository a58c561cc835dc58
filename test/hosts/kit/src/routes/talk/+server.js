import { talkOverTcp } from '../../../server.js'

export async function GET() {
  return new Response(await talkOverTcp())
}
