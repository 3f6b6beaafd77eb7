// dom.js - creates elements. Text from the guest or the server becomes text nodes or attribute values
// only; nothing here parses HTML.
const SVG = 'http://www.w3.org/2000/svg'

// h('p.why#id', {title: 'x', onclick: f, hidden: true}, 'text', element, [more])
export function h(what, props, ...children) {
  return make(document.createElement.bind(document), what, props, children)
}

export function svg(what, props, ...children) {
  return make(tag => document.createElementNS(SVG, tag), what, props, children)
}

function make(create, what, props, children) {
  const [, tag, rest] = what.match(/^([\w-]+)(.*)$/)
  const e = create(tag)
  for (const [, kind, name] of rest.matchAll(/([.#])([\w-]+)/g))
    if (kind === '#') e.id = name
    else e.classList.add(name)
  if (props && (typeof props !== 'object' || props instanceof Node || Array.isArray(props))) {
    children.unshift(props)
    props = null
  }
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value)
    else if (key === 'value' || key === 'checked' || key === 'selected') e[key] = value
    else e.setAttribute(key, value === true ? '' : value)
  }
  add(e, children)
  return e
}

function add(e, children) {
  for (const c of children.flat(Infinity))
    if (c !== undefined && c !== null && c !== false) e.append(c instanceof Node ? c : String(c))
}

export function fill(e, ...children) {
  e.textContent = ''
  add(e, children)
}

export const $ = id => document.getElementById(id)

// Write only what differs: a live region is announced whenever its text is set.
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text
}

// Announce once to screen readers.
export function say(text) {
  $('said').textContent = ''
  requestAnimationFrame(() => { $('said').textContent = text })
}

export function button(text, onclick, props) {
  return h('button', { type: 'button', onclick, ...props }, text)
}

let unique = 0
export function field(label, input, hint) {
  input.id ||= `field-${++unique}`
  const about = hint && h(`p.hint#${input.id}-hint`, hint)
  if (about) input.setAttribute('aria-describedby', about.id)
  return h('div.field', h('label', { for: input.id }, label), input, about)
}

export function copyButton(text, label = 'Copy') {
  const b = button(label, async () => {
    await copyText(text)
    b.textContent = 'Copied'
    say('Copied')
    setTimeout(() => { b.textContent = label }, 1500)
  }, { class: 'small', 'aria-label': `${label}: ${text}` })
  return b
}

// navigator.clipboard exists only on https and on the loopback address.
export async function copyText(text) {
  if (navigator.clipboard) {
    try { return await navigator.clipboard.writeText(text) } catch { /* not permitted: use the fallback */ }
  }
  const area = h('textarea.hidden', { value: text })
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function download(blob, name) {
  const url = URL.createObjectURL(blob)
  const a = h('a', { href: url, download: name })
  document.body.append(a)
  a.click()
  a.remove()
  setTimeout(() => URL.revokeObjectURL(url), 60000)
}
