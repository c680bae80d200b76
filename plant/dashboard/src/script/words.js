// Words of the page in English and French, and the words for what the server says.

const LANGUAGES = ["en", "fr"];
const LOCALES = ["en-GB", "fr-FR"]; // days before months in both
// Each word in the order of LANGUAGES.
const TEXT = {
  // The frame of the page.
  skip: ["Skip to the stations", "Aller aux postes"], tagline: ["Tray quality, live", "Qualité des barquettes, en direct"],
  totals: ["Line totals", "Totaux de la ligne"], language: ["Language", "Langue"], stations: ["Stations", "Postes"],
  seen: ["Trays seen here", "Barquettes vues ici"], rejectRate: ["Reject rate", "Taux de rejet"],
  ofShown: ["of {n} shown", "sur {n} affichées"], notCurrent: ["not current", "pas à jour"],
  connecting: ["connecting", "connexion"], live: ["live", "en direct"], lost: ["reconnecting", "reconnexion"], out: ["signed out", "déconnecté"],
  bugs: ["Bugs", "Anomalies"], bugsOpen: ["({n} open)", "({n}\u00a0ouvertes)"], bugsOpenOne: ["({n} open)", "({n}\u00a0ouverte)"],
  overview: ["Overview", "Vue d’ensemble"], waiting: ["Waiting for the first tray.", "En attente de la première barquette."],
  stationUrl: ["Stations send their readings to", "Les postes envoient leurs mesures à"],
  stationToken: ["Each station needs a token of its own, from the administrator of this server.", "Chaque poste a besoin d’un jeton à lui, donné par l’administrateur de ce serveur."],
  toDocs: ["Documentation of the interface", "Documentation de l’interface"],
  trial: ["To try the page without a station, run", "Pour essayer la page sans poste, lancez"],
  // How the line is.
  situation: ["Situation", "Situation"], counted: ["{n} stations", "{n} postes"], countedOne: ["{n} station", "{n} poste"],
  countOnline: ["{n} online", "{n} en ligne"], countLate: ["{n} late", "{n} en retard"], countOffline: ["{n} stopped", "{n} à l’arrêt"],
  notShown: ["{n} more are not shown", "{n} autres ne sont pas affichés"],
  serverAway: ["Server away since {time}. What is shown here is from before.", "Serveur injoignable depuis {time}. Ce qui est affiché date d’avant."],
  serverAwayAtOnce: ["The server does not answer.", "Le serveur ne répond pas."],
  databaseAway: ["Database away since {time}. New trays appear; earlier trays cannot be read.", "Base de données injoignable depuis {time}. Les nouvelles barquettes apparaissent ; les précédentes ne peuvent pas être lues."],
  databaseAwayBefore: ["Database away since before {time}. New trays appear; earlier trays cannot be read.", "Base de données injoignable depuis avant {time}. Les nouvelles barquettes apparaissent ; les précédentes ne peuvent pas être lues."],
  allStopped: ["All stations stopped; the last one at {time}.", "Tous les postes sont à l’arrêt ; le dernier depuis {time}."],
  allStoppedUnknown: ["All stations stopped.", "Tous les postes sont à l’arrêt."],
  online: ["online", "en ligne"], late: ["late", "en retard"], stoppedSince: ["stopped since {time}", "arrêté depuis {time}"],
  stopped: ["stopped", "à l’arrêt"], ago: ["{age} ago", "il y a {age}"], noTray: ["no tray yet", "pas encore de barquette"],
  // The card of a station.
  grade: ["Grade", "Grade"], score: ["Score", "Note"], notMeasurable: ["not measurable", "non mesurable"],
  confidence: ["Confidence", "Confiance"], conformity: ["Conformity probability", "Probabilité de conformité"],
  u: ["standard uncertainty", "incertitude-type"], station: ["Station", "Poste"], details: ["Details", "Détails"],
  reasons: ["Reasons", "Raisons"], trayId: ["Tray id (its clock may be UTC)", "Identifiant de la barquette (son heure peut être UTC)"],
  copy: ["Copy", "Copier"], copied: ["Copied", "Copié"],
  calibration: ["calibration", "étalonnage"], calibrationMark: ["CAL", "ÉTAL"],
  calibrationFrame: ["Calibration frame: it counts in no figure.", "Trame d’étalonnage : elle ne compte dans aucun chiffre."],
  belowLimit: ["{name} {value}, below the limit of {limit}", "{name} {value}, sous la limite de {limit}"],
  aboveLimit: ["{name} {value}, above the limit of {limit}", "{name} {value}, au-dessus de la limite de {limit}"],
  uncertainLimit: ["{name} {value}: too uncertain for the limit of {limit}", "{name} {value} : trop incertain pour la limite de {limit}"],
  withinLimits: ["Every measured quantity is within its limits", "Chaque grandeur mesurée est dans ses limites"],
  limitsUnknown: ["The limits of profile {profile} are not known here", "Les limites du profil {profile} ne sont pas connues ici"],
  nothingMeasured: ["Nothing could be measured", "Rien n’a pu être mesuré"],
  coversScale: ["The uncertainty (± {u}) covers the whole scale of scores", "L’incertitude (± {u}) couvre toute l’échelle des notes"],
  partUnseen: ["Only {n} of the evidence was there", "Seulement {n} des indices étaient là"],
  notCertain: ["Not certain enough for a better grade: see the details", "Pas assez certain pour un meilleur grade : voir les détails"],
  more: ["and {n} more", "et {n} de plus"],
  // What a person reports from a card.
  report: ["Report", "Signaler"], reportTray: ["Report tray {tray} of {station}", "Signaler la barquette {tray} de {station}"],
  reportStation: ["Report a fault of {station}", "Signaler un défaut de {station}"],
  rejectedTray: ["Tray rejected: {reasons}", "Barquette rejetée\u00a0: {reasons}"],
  // Whether the instruments of a station can be believed.
  condition: ["State of the station", "État du poste"], stationWell: ["Station well", "Poste sans défaut"],
  learning: ["Station learning", "Poste en apprentissage"],
  learningMore: ["Station learning ({n} trays left)", "Poste en apprentissage (encore {n} barquettes)"],
  learningOne: ["Station learning (1 tray left)", "Poste en apprentissage (encore 1 barquette)"],
  faultSince: ["{name} since {time}", "{name} depuis {time}"],
  doubtful: ["doubtful", "douteuse"], doubtfulFor: ["Doubtful: {names}", "Douteuse : {names}"],
  doubtfulTrays: ["Doubtful trays", "Barquettes douteuses"],
  doubtfulOf: ["Doubtful trays of {station}", "Barquettes douteuses de {station}"],
  doubtfulWhat: [
    "Trays that were judged while an instrument was at fault, the newest first.",
    "Barquettes classées pendant qu’un instrument était en défaut, les plus récentes d’abord.",
  ],
  noDoubtful: ["No doubtful tray", "Aucune barquette douteuse"], loading: ["Loading", "Chargement"],
  nextPage: ["Next page", "Page suivante"], close: ["Close", "Fermer"], cancel: ["Cancel", "Annuler"],
  // Alerts, and what is done about them.
  alerts: ["Alerts", "Alertes"], noAlert: ["No alert", "Aucune alerte"], alertsOpen: ["{n} open", "{n} en cours"],
  alertsCritical: ["critical: {n}", "critiques : {n}"], alertsMore: ["older ones are not shown", "les plus anciennes ne sont pas affichées"],
  alertsUnread: ["The alerts cannot be read: {why}", "Les alertes ne peuvent pas être lues : {why}"],
  since: ["since {time}", "depuis {time}"], acknowledgedBy: ["acknowledged by {name}", "acquittée par {name}"],
  shelved: ["shelved", "mise en attente"],
  toStation: ["Go to station {name}", "Aller au poste {name}"], runbook: ["Runbook: what to do", "Procédure : que faire"],
  acknowledge: ["Acknowledge", "Acquitter"], causeAndAction: ["Cause and action", "Cause et action"], shelve: ["Shelve", "Mettre en attente"],
  note: ["What you do about it", "Ce que vous faites"], cause: ["Cause", "Cause"], action: ["What was done", "Ce qui a été fait"],
  minutes: ["For how many minutes (1 to 1440)", "Pendant combien de minutes (1 à 1440)"], reason: ["Why", "Pourquoi"],
  refused403: ["This server does not let you do this.", "Ce serveur ne vous y autorise pas."],
  refused404: ["The server does not know this any more.", "Le serveur ne connaît plus ceci."],
  refused409: ["It has ended or changed meanwhile.", "Cela a pris fin ou a changé entre-temps."],
  refused503: ["The server cannot do this now: try again.", "Le serveur ne peut pas le faire maintenant : réessayez."],
  refused: ["The server has refused this (status {status}).", "Le serveur a refusé (statut {status})."],
  // The map and the spectrum.
  map: ["Map", "Carte"], height: ["Height", "Hauteur"],
  distance: ["Distance", "Distance"], reflectance: ["Reflectance", "Réflectance"], amplitude: ["Amplitude", "Amplitude"],
  fallback: ["No height: distance shown", "Sans hauteur : distance affichée"],
  cell: ["Row {row}, column {col}, zone {zone}", "Ligne {row}, colonne {col}, zone {zone}"],
  noReading: ["no valid reading", "aucune mesure valide"], outside: ["outside of the tray", "hors de la barquette"],
  status: ["target status {n}", "état de la cible {n}"], statusValid: ["target status {n} (valid)", "état de la cible {n} (valide)"],
  valid: ["{n} of 64 zones measured", "{n} zones mesurées sur 64"], inTray: ["{n} look into the tray", "{n} voient la barquette"],
  noTof: ["No time-of-flight data in this tray", "Pas de donnée temps de vol pour cette barquette"], spectrum: ["Spectrum", "Spectre"],
  fullScale: ["full scale", "pleine échelle"], ofFullScale: ["of full scale", "de la pleine échelle"], saturated: ["saturated", "saturé"],
  counts: ["counts", "coups"], gain: ["gain", "gain"], wide: ["Clear", "Clair"], nearInfrared: ["NIR", "PIR"],
  wideLong: ["Clear (whole light)", "Clair (toute la lumière)"], nearInfraredLong: ["Near infrared", "Proche infrarouge"],
  noSpectral: ["No spectral data in this tray", "Pas de donnée spectrale pour cette barquette"],
  // Quantities.
  outputs: ["Outputs ± standard uncertainty", "Résultats ± incertitude-type"], output: ["Output", "Résultat"], value: ["Value", "Valeur"],
  volume: ["Volume", "Volume"], meanHeight: ["Mean height", "Hauteur moyenne"],
  heightVariation: ["Height variation", "Variation de hauteur"], uniformity: ["Surface uniformity", "Uniformité de surface"],
  meanReflectance: ["Mean reflectance", "Réflectance moyenne"],
  freshness: ["Freshness", "Fraîcheur"], oxidation: ["Oxidation", "Oxydation"],
  fat: ["Fat quality (proxy)", "Qualité du gras (indicateur indirect)"], colour: ["Colour uniformity", "Uniformité de couleur"],
  lightness: ["Lightness L*", "Clarté L*"], colourDistance: ["Distance from the product’s colour ΔE₀₀", "Écart à la couleur du produit ΔE₀₀"],
  yellow: ["Yellow pigment (A480 − A515)", "Pigment jaune (A480 − A515)"], blood: ["Blood pigment (A555 − A680)", "Pigment sanguin (A555 − A680)"],
  defects: ["Defects", "Défauts"], noDefects: ["None", "Aucun"], flags: ["Flags", "Indicateurs"], zone: ["zone", "zone"],
  zones: ["zones", "zones"], depth: ["depth", "profondeur"], tofScore: ["shape score", "note de forme"],
  spectralScore: ["colour score", "note de couleur"], coverage: ["coverage", "couverture"], conflict: ["conflict", "conflit"],
  profile: ["profile", "profil"], firmware: ["firmware", "micrologiciel"], humidity: ["{n} RH", "{n} HR"], days: ["d", "j"],
  processing: ["computed in", "calculé en"], history: ["Recent trays ({n})", "Barquettes récentes ({n})"],
  historyTitle: ["Recent trays", "Barquettes récentes"], listOfTrays: ["List of recent trays", "Liste des barquettes récentes"],
  // Who looks.
  signIn: ["Sign in", "Connexion"], signInAsked: ["Sign in to see the stations.", "Connectez-vous pour voir les postes."],
  signOut: ["Sign out", "Se déconnecter"], openServer: ["no sign-in on this server", "serveur sans authentification"],
  whatToken: [
    "A token is a long line of characters that stands for you and for what you may do. The administrator of this server gives you yours; it stays in this browser until you sign out.",
    "Un jeton est une longue suite de caractères qui vous représente, vous et vos droits. L’administrateur de ce serveur vous donne le vôtre ; il reste dans ce navigateur jusqu’à la déconnexion.",
  ],
  token: ["Token", "Jeton"], enter: ["Sign in", "Se connecter"], paste: ["Paste", "Coller"], show: ["Show", "Afficher"],
  wrongToken: ["This token is not known.", "Ce jeton n’est pas connu."],
  notForPeople: ["This token is a device’s.", "Ce jeton est celui d’un appareil."],
  otherHost: [
    "The server knows itself by another address than this browser: the proxy in front of it must pass the host and the port on.",
    "Le serveur se connaît sous une autre adresse que ce navigateur : le proxy placé devant lui doit transmettre l’hôte et le port.",
  ],
  tooOften: ["Tried too often: wait a minute.", "Trop d’essais : patientez une minute."],
};

// Words that come from the server; one that is not here is shown as it came.
const SERVER_WORDS = {
  viewer: ["viewer", "lecture"], quality_engineer: ["quality engineer", "qualité"], administrator: ["administrator", "administration"],
  warning: ["warning", "avertissement"], critical: ["critical", "critique"],
  REJECT: ["REJECT", "REJET"], Minor: ["Minor", "Mineur"], Major: ["Major", "Majeur"], Critical: ["Critical", "Critique"],
  Dent: ["Dent", "Creux"], Bump: ["Bump", "Bosse"], EdgeGap: ["Gap at the edge", "Vide au bord"],
  ReflectanceSpot: ["Reflectance spot", "Tache de réflectance"], Discoloration: ["Discoloration", "Décoloration"],
  BloodSpot: ["Blood spot", "Tache de sang"], BileStain: ["Bile stain", "Tache de bile"],
  SpectralOutOfDistribution: ["Spectrum not the product's", "Spectre étranger au produit"],
  MissingProduct: ["Missing product", "Produit manquant"], Overfill: ["Overfill", "Trop-plein"], Tilt: ["Tilt", "Inclinaison"],
  InvalidZones: ["Invalid zones", "Zones invalides"], Saturation: ["Saturation", "Saturation"],
  LowSignal: ["Low signal", "Signal faible"], Oxidation: ["Oxidation", "Oxydation"], SensorMissing: ["Sensor missing", "Capteur absent"],
  SensorDisagreement: ["Sensors disagree", "Désaccord des capteurs"],
  StatusMissing: ["no target status", "statut des zones absent"], SigmaModelled: ["noise modelled", "bruit modélisé"],
  InsufficientZones: ["too few zones", "trop peu de zones"], NoReference: ["no height reference", "sans référence de hauteur"],
  RimReference: ["reference from the rim", "référence prise sur le bord"], Imputed: ["zones filled in", "zones complétées"],
  BelowNoise: ["variation below noise", "variation sous le bruit"], NoProduct: ["no product", "sans produit"],
  LevelledBelowNoise: ["roughness below noise", "rugosité sous le bruit"], NearLimit: ["index near its limit", "indice près de sa limite"],
  Saturated: ["channel saturated", "canal saturé"], NoWhiteReference: ["no white reference", "sans référence blanche"],
  WhiteDrift: ["white drift", "dérive du blanc"], LowHeme: ["little pigment", "peu de pigment"],
  Uncalibrated: ["uncalibrated", "non étalonné"], AnalogSaturation: ["amplifier saturated", "amplificateur saturé"],
  ZoneAreas: ["free-standing product", "produit sans barquette"], ZeroedOnFloor: ["zeroed on the floor", "zéro pris sur le fond"],
  MultiTarget: ["several surfaces", "plusieurs surfaces"], HistogramSaturated: ["histogram saturated", "histogramme saturé"],
  RepeatedBands: ["identical bands", "bandes identiques"], BytesSwapped: ["bytes swapped", "octets inversés"],
  RepeatedFrame: ["repeated frame", "trame répétée"],
  ReflectanceMissing: ["no reflectance sent", "réflectance non transmise"], AmplitudeMissing: ["no amplitude sent", "amplitude non transmise"],
};

let lang = recall("sqal-lang") ?? (navigator.language?.toLowerCase().startsWith("fr") ? "fr" : "en");
if (!LANGUAGES.includes(lang)) lang = "en";

function t(key, values = {}) {
  const text = TEXT[key][LANGUAGES.indexOf(lang)].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  return lang === "fr" ? unbroken(text) : text;
}

function word(text) {
  if (text === undefined || text === null || text === "") return NONE;
  return Object.hasOwn(SERVER_WORDS, text) ? SERVER_WORDS[text][LANGUAGES.indexOf(lang)] : String(text);
}

function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of root.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", t(node.dataset.i18nLabel));
}

// A text that the server has in both languages.
const bilingual = (texts) => unbroken(texts?.[lang] ?? texts?.en ?? "");

// Storage can be forbidden by the browser; the page then simply forgets.
function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* see recall */ }
}

const locale = () => LOCALES[LANGUAGES.indexOf(lang)];

// A sentence of the server, with no line break between a number and what belongs to it, nor before French punctuation.
const unbroken = (text) => String(text).replace(/ ([:;!?%±»])/g, "\u00a0$1").replace(/([±<>«]) /g, "$1\u00a0");

// French puts a no-break space before the colon.
const pair = (name, text) => `${name}${lang === "fr" ? "\u00a0" : ""}: ${text}`;
