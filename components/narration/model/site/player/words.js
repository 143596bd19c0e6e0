// The words of the player in each language, and small tools.
const WORDS = {
  en: {
    play: 'Play', pause: 'Pause', back: 'Back 15 seconds', forward: 'Forward 15 seconds', position: 'Position',
    speed: 'Speed', sleep: 'Sleep timer', off: 'Off', minutes: (n) => `${n} minutes`, end: 'End of the chapter',
    chapters: 'Chapters', transcript: 'Text', loading: 'Loading', slept: 'The sleep timer has stopped the sound.',
    failed: 'The sound cannot be loaded.', of: 'of', later: 'Listen later', earlier: 'Remove from list',
    all: 'All sections', section: 'Section', mine: 'My list', empty: 'No articles.', next: 'Next article',
    hour: 'h', minute: 'min', second: 's', player: 'Audio player', paused: 'Paused', playing: 'Playing',
  },
  es: {
    play: 'Reproducir', pause: 'Pausar', back: 'Atrás 15 segundos', forward: 'Adelante 15 segundos',
    position: 'Posición', speed: 'Velocidad', sleep: 'Temporizador', off: 'Apagado',
    minutes: (n) => `${n} minutos`, end: 'Fin del capítulo', chapters: 'Capítulos', transcript: 'Texto',
    loading: 'Cargando', slept: 'El temporizador ha detenido el sonido.',
    failed: 'No se puede cargar el sonido.', of: 'de', later: 'Escuchar después', earlier: 'Quitar de la lista',
    all: 'Todas las secciones', section: 'Sección', mine: 'Mi lista', empty: 'No hay artículos.',
    next: 'Artículo siguiente', hour: 'h', minute: 'min', second: 's', player: 'Reproductor de audio',
    paused: 'En pausa', playing: 'Reproduciendo',
  },
};

const wordsOf = (language) => WORDS[(language || 'en').slice(0, 2).toLowerCase()] ?? WORDS.en;

const make = (tag, properties = {}, ...children) => {
  const { aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
};

const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, '0') : String(part))).join(':');
};

const spokenTime = (seconds, words) => {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[Math.floor(whole / 3600), words.hour], [Math.floor(whole / 60) % 60, words.minute],
    [whole % 60, words.second]];
  return parts.filter(([value], at) => value || at === 2).map(([value, unit]) => `${value} ${unit}`).join(' ');
};

// The place of the last value that is not above `wanted`, in values that grow; -1 where all are.
const lastUpTo = (values, wanted) => {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

// What is remembered in this browser; a page may be forbidden to.
const memory = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(`brume-player:${key}`));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(`brume-player:${key}`);
      else localStorage.setItem(`brume-player:${key}`, JSON.stringify(value));
    } catch { /* then it is not remembered */ }
  },
};

const read = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
};
