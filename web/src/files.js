// files.js - copies files into the guest by drag and drop, and out of it.
import { Problem, problemOf, upload, url } from './api.js'
import { complain } from './ask.js'
import { button, download, field, fill, h, say, setText } from './dom.js'
import { bytes } from './format.js'
import { makeTar, readTar } from './tar.js'

// All files and directories below the dropped entries.
async function entriesOf(items) {
  const list = []
  async function walk(entry, path) {
    if (entry.isFile) list.push({ path, file: await new Promise((ok, no) => entry.file(ok, no)) })
    else {
      list.push({ path, directory: true })
      const reader = entry.createReader()
      for (;;) { // returns at most a hundred entries at a time
        const some = await new Promise((ok, no) => reader.readEntries(ok, no))
        if (some.length === 0) break
        for (const e of some) await walk(e, `${path}/${e.name}`)
      }
    }
  }
  for (const e of items) await walk(e, e.name)
  return list
}

function ofInput(files) {
  const list = []
  const seen = new Set()
  for (const file of files) {
    const path = file.webkitRelativePath || file.name
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) {
      const d = parts.slice(0, i).join('/')
      if (!seen.has(d)) { seen.add(d); list.push({ path: d, directory: true }) }
    }
    list.push({ path, file })
  }
  return list
}

export function filesTab() {
  const list = h('ul.transfers', { 'aria-label': 'Transfers' })
  const to = h('input#push-to', { value: '/root', spellcheck: 'false', autocapitalize: 'off' })
  const from = h('input#pull-from', { placeholder: '/etc/motd', spellcheck: 'false', autocapitalize: 'off', required: true })
  const files = h('input.hidden#push-files', { type: 'file', multiple: true, tabindex: -1, 'aria-label': 'Files to push', onchange: () => { push(ofInput(files.files)); files.value = '' } })
  const folder = h('input.hidden#push-folder', { type: 'file', webkitdirectory: true, tabindex: -1, 'aria-label': 'Folder to push', onchange: () => { push(ofInput(folder.files)); folder.value = '' } })
  const zone = h('div.drop#drop', h('p', 'Drop files or folders here'),
    h('div.row', button('Choose files', () => files.click()), button('Choose a folder', () => folder.click()), files, folder))

  for (const kind of ['dragenter', 'dragover']) zone.addEventListener(kind, e => { e.preventDefault(); zone.classList.add('over') })
  for (const kind of ['dragleave', 'drop']) zone.addEventListener(kind, () => zone.classList.remove('over'))
  zone.addEventListener('drop', e => {
    e.preventDefault()
    const items = [...e.dataTransfer.items].map(i => i.webkitGetAsEntry?.()).filter(Boolean)
    const plain = [...e.dataTransfer.files]
    if (items.length) entriesOf(items).then(push).catch(complain)
    else push(ofInput(plain))
  })

  // A line of the list: name, progress bar, amount, and a cancel button.
  function transfer(title) {
    const stop = new AbortController()
    const bar = h('progress', { max: 1, 'aria-label': title })
    const text = h('span.muted', 'starting')
    const cancel = button('Cancel', () => stop.abort(), { class: 'small quiet' })
    const li = h('li', h('span.what', title), bar, text, cancel)
    list.prepend(li)
    return {
      signal: stop.signal,
      progress(done, total, what) {
        if (what) bar.removeAttribute('value') // it goes on, but how far is not known
        else if (total) bar.value = done / total
        setText(text, what ?? (total ? `${bytes(done)} of ${bytes(total)}` : bytes(done)))
      },
      end(what, tone = 'ok', fix) {
        bar.remove()
        cancel.remove()
        li.dataset.tone = tone
        fill(text, what, fix && h('span.fix', ` ${fix}`))
        say(`${title}: ${what}`)
      },
    }
  }

  async function push(entries) {
    if (entries.length === 0) return
    const n = entries.filter(e => e.file).length
    const where = to.value.trim() || '/root'
    const t = transfer(`${n === 1 ? entries.find(e => e.file).path : `${n} files`} to ${where}`)
    try {
      const blob = makeTar(entries)
      const answer = await upload(`push?to=${encodeURIComponent(where)}`, blob, 'application/x-tar',
        (done, total) => t.progress(done, total, done === total ? 'unpacking in the guest' : undefined), t.signal)
      t.end(`pushed, ${answer.files ?? n} file${(answer.files ?? n) === 1 ? '' : 's'}, ${bytes(blob.size)}`)
    } catch (e) { failed(t, e) }
  }

  function failed(t, e) {
    if (e?.name === 'AbortError') t.end('cancelled', 'warn')
    else t.end(e.message, 'bad', e.fix)
  }

  async function pull(path) {
    const t = transfer(path)
    try {
      const response = await fetch(url(`pull?path=${encodeURIComponent(path)}`), { signal: t.signal })
      if (!response.ok) throw await problemOf(response)
      const parts = []
      let size = 0
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parts.push(value)
        t.progress(size += value.length)
      }
      const blob = new Blob(parts)
      const inside = await readTar(blob)
      if (inside.length === 0) throw new Problem(404, { detail: `${path}: no files were received.` })
      const name = path.replace(/\/+$/, '').split('/').at(-1) || 'root'
      // The archive begins with its own directory, `./`.
      const [only, ...others] = inside.filter(e => e.type !== '5' || e.path.replace(/^\.\/?|\/$/g, ''))
      if (only?.type === '0' && others.length === 0) download(only.data, name)
      else download(blob, `${name}.tar`)
      t.end(`pulled, ${only?.type === '0' && others.length === 0 ? bytes(only.size) : `${inside.length} entries in ${name}.tar`}`)
    } catch (e) { failed(t, e) }
  }

  const panel = h('div.files',
    h('section', { 'aria-labelledby': 'push-title' }, h('h3#push-title', 'Into the guest'),
      field('To the directory', to, 'Files are copied by vm push: over ssh if the guest supports it, else on its console.'), zone),
    h('section', { 'aria-labelledby': 'pull-title' }, h('h3#pull-title', 'Out of the guest'),
      h('form', { onsubmit: e => { e.preventDefault(); if (from.value.trim()) pull(from.value.trim()) } },
        field('File or directory', from, 'A single file is downloaded as it is, a directory as a tar archive.'),
        h('button.primary', { type: 'submit' }, 'Pull'))),
    h('section.all', { 'aria-labelledby': 'transfers-title' }, h('h3#transfers-title', 'Transfers'), list))
  return { panel }
}
