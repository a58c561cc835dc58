'use client'

import { useEffect, useState } from 'react'
import { BEFORE, talk } from '../page.js'

export default function Channel() {
  const [said, say] = useState(BEFORE)
  useEffect(() => {
    talk().then(say, error => say(error.message))
  }, [])
  return <p id="client">{said}</p>
}
