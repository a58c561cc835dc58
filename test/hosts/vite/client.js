import { talk } from './page.js'

const place = document.querySelector('#client')
talk().then(
  said => (place.textContent = said),
  error => (place.textContent = error.message),
)
