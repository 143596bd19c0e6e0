// The text of an article: its words and sentences as elements, and which of them is heard.
class Transcript {
  constructor(marks, seek) {
    this.element = make('div', { className: 'text', tabIndex: 0, role: 'region' });
    this.words = [];
    this.sentences = [];
    this.now = { word: -1, sentence: -1 };
    for (const block of marks.blocks) this.element.append(this.block(block));
    this.starts = { word: this.words.map((one) => one.begins), sentence: this.sentences.map((one) => one.begins) };
    this.element.addEventListener('click', (event) => {
      const found = event.target.closest('.sentence');
      // A selection is being made, not a sentence chosen.
      if (found && String(getSelection()) === '') seek(this.sentences[Number(found.dataset.number)].begins);
    });
  }

  block(block) {
    const headings = { title: 'h2', heading: `h${Math.min(Math.max(block.level + 1, 3), 6)}` };
    const made = make(headings[block.kind] ?? 'p', { className: block.kind });
    if (block.kind === 'item' && /^\d+\. /.test(block.text)) made.classList.add('numbered');
    if (block.language) made.lang = block.language;
    made.dir = 'auto';
    let place = 0;
    let word = 0;
    for (const [start, end, begins, ends] of block.sentences) {
      made.append(block.text.slice(place, start));
      const sentence = make('span', { className: 'sentence' });
      sentence.dataset.number = this.sentences.length;
      this.sentences.push({ element: sentence, begins, ends });
      let inside = start;
      for (; word < block.words.length && block.words[word][0] < end; word += 1) {
        const [from, to, first, last] = block.words[word];
        sentence.append(block.text.slice(inside, from));
        const element = make('span', { className: 'word' }, block.text.slice(from, to));
        this.words.push({ element, begins: first, ends: last });
        sentence.append(element);
        inside = to;
      }
      sentence.append(block.text.slice(inside, end));
      made.append(sentence);
      place = end;
    }
    made.append(block.text.slice(place));
    return made;
  }

  // Shows what is heard at a second: a word until its end, a sentence until the next one begins.
  show(seconds, follow) {
    const word = lastUpTo(this.starts.word, seconds);
    this.mark('word', this.words, word >= 0 && seconds < this.words[word].ends ? word : -1);
    if (this.mark('sentence', this.sentences, lastUpTo(this.starts.sentence, seconds)) && follow) this.scroll();
  }

  mark(kind, all, number) {
    if (this.now[kind] === number) return false;
    all[this.now[kind]]?.element.classList.remove('now');
    all[number]?.element.classList.add('now');
    this.now[kind] = number;
    return number >= 0;
  }

  // Only the text is moved, never the page around it.
  scroll() {
    const box = this.element.getBoundingClientRect();
    const line = this.sentences[this.now.sentence].element.getBoundingClientRect();
    if (line.top >= box.top && line.bottom <= box.bottom) return;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.element.scrollBy({ top: line.top - box.top - box.height / 3, behavior: still ? 'auto' : 'smooth' });
  }
}
