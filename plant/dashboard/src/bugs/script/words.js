// Words of the page of bugs in English and French, beside those of all pages; a field has its name in the interface.

Object.assign(TEXT, {
  skipToBugs: ["Skip to the bugs", "Aller aux anomalies"], places: ["Pages", "Pages"], livePage: ["Live page", "Page en direct"], home: ["SQAL, live page", "SQAL, page en direct"],
  notEndedList: ["Not ended", "Non terminées"], allBugs: ["All bugs", "Toutes les anomalies"], newBug: ["New bug", "Nouvelle anomalie"], paging: ["Pages of the list", "Pages de la liste"],
  signInAsked: ["Sign in to see the bugs.", "Connectez-vous pour voir les anomalies."],
  bugNotFound: ["Bug not found", "Anomalie introuvable"], noSuchBug: ["This address is not that of a bug.", "Cette adresse n’est pas celle d’une anomalie."],
  // The fields of a bug.
  title: ["Title", "Titre"], description: ["Description", "Description"], reproduction_steps: ["Steps to reproduce", "Étapes pour la reproduire"],
  severity: ["Severity", "Gravité"], priority: ["Priority", "Priorité"], category: ["Category", "Catégorie"], status: ["Status", "État"],
  tags: ["Tags", "Étiquettes"], tag: ["Tag", "Étiquette"], assignee: ["Assignee", "Responsable"], watchers: ["Watchers", "Observateurs"],
  device_id: ["Device", "Appareil"], firmware_version: ["Firmware", "Micrologiciel"], sample_id: ["Sample", "Échantillon"],
  rollout: ["Rollout", "Déploiement"], profile: ["Profile", "Profil"],
  duplicate_of: ["Duplicate of", "Doublon de"], blocks: ["Blocks", "Bloque"], relates_to: ["Relates to", "En rapport avec"],
  reported_by: ["Reported by", "Signalée par"], reported_by_email: ["E-mail of the reporter", "E-mail du déclarant"],
  created_at: ["Reported", "Signalée"], updated_at: ["Changed", "Modifiée"], ended_at: ["Ended", "Terminée"],
  reopened: ["Reopened", "Rouverte"], times: ["{n} times", "{n}\u00a0fois"], once: ["once", "une fois"], source: ["Source", "Source"],
  q: ["Search", "Rechercher"], commas: ["{name}, separated by commas", "{name}, séparées par des virgules"],
  commasMale: ["{name}, separated by commas", "{name}, séparés par des virgules"],
  idsCommas: ["{name}: ids of bugs, separated by commas", "{name}\u00a0: identifiants d’anomalies, séparés par des virgules"],
  idOf: ["{name}: id of a bug", "{name}\u00a0: identifiant d’une anomalie"],
  // Equal faults that are one bug.
  seen: ["Seen", "Observée"], seenFrom: ["{times}, from {first} to {last}", "{times}, de {first} à {last}"], seenAt: ["{times}, {time}", "{times}, {time}"],
  onDevices: ["{times} on {n} devices", "{times} sur {n}\u00a0appareils"], onDevice: ["{times} on one device", "{times} sur un appareil"],
  regressed: ["Regressed in firmware {firmware} ({time})", "Revenue dans le micrologiciel {firmware} ({time})"],
  regressedUnknown: ["Came back ({time})", "Revenue ({time})"], regressedMark: ["regressed", "revenue"],
  // The list.
  filters: ["Filters", "Filtres"], any: ["any", "toutes"], anyMale: ["any", "tous"], filter: ["Apply", "Appliquer"], noFilter: ["Clear filters", "Effacer les filtres"],
  found: ["{from} to {to} of {total}", "{from} à {to} sur {total}"], foundMore: ["{from} to {to} of more than {total}", "{from} à {to} sur plus de {total}"],
  openFirst: ["the open ones first", "les ouvertes d’abord"], noneFound: ["No bug", "Aucune anomalie"], previousPage: ["Previous page", "Page précédente"],
  sortBy: ["Sort by {name}", "Trier par {name}"], bug: ["Bug", "Anomalie"],
  // The four figures.
  notEndedBySeverity: ["Not ended, by severity", "Non terminées, par gravité"], resolvedToday: ["Resolved today", "Résolues aujourd’hui"],
  eachEnd: ["each time that a bug was resolved or closed", "chaque fois qu’une anomalie a été résolue ou close"],
  resolutionTime: ["Average resolution time", "Durée moyenne de résolution"], criticalNotEnded: ["Critical, not ended", "Critiques, non terminées"],
  hours: ["{n} h", "{n}\u00a0h"],
  // The forms.
  send: ["Send", "Envoyer"], save: ["Save", "Enregistrer"], edit: ["Edit", "Modifier"], nothingChanged: ["Nothing differs.", "Rien n’a changé."],
  saved: ["Saved", "Enregistré"], required: ["{name} (required)", "{name} (obligatoire)"], moreFields: ["More fields", "Autres champs"],
  severityHint: [
    "Severity is critical if the line stands or verdicts are wrong, high if a function is lost, medium if one is worse than it should be, low for a blemish.",
    "La gravité est critique si la ligne est arrêtée ou si des verdicts sont faux, haute si une fonction est perdue, moyenne si une fonction est dégradée, basse pour un détail.",
  ],
  fileIfAny: ["Attach a file, of 10 MiB at most", "Joindre un fichier, de 10\u00a0Mio au plus"], showBug: ["Show the bug", "Afficher l’anomalie"],
  notAttached: ["The bug is reported, but {name} is not attached: {why}", "L’anomalie est signalée, mais {name} n’est pas joint\u00a0: {why}"],
  // One bug.
  changeStatus: ["Change the status", "Changer l’état"], why: ["Why", "Pourquoi"],
  to_open: ["Open", "Ouvrir"], to_in_progress: ["Start", "Prendre en charge"], to_resolved: ["Resolve", "Résoudre"], to_closed: ["Close", "Clore"],
  reopen: ["Reopen", "Rouvrir"], takeUpAgain: ["Resume", "Reprendre"], putBack: ["Back to open", "Remettre à ouverte"],
  assignMe: ["Assign to me", "Me l’attribuer"], noAssignee: ["Unassigned", "Non attribuée"],
  comments: ["Comments", "Commentaires"], comment: ["Comment", "Commentaire"], noComment: ["No comment", "Aucun commentaire"],
  internal: ["For engineers and administrators only", "Pour la qualité et l’administration seulement"], internalMark: ["internal", "interne"],
  addComment: ["Add the comment", "Ajouter le commentaire"], commentAdded: ["Comment added", "Commentaire ajouté"],
  attachments: ["Attachments", "Pièces jointes"], noAttachment: ["No attachment", "Aucune pièce jointe"],
  file: ["File, of 10 MiB at most", "Fichier, de 10\u00a0Mio au plus"], content: ["Content", "Contenu"], attach: ["Attach", "Joindre"],
  tooLarge: ["{name} has {n} MiB; 10 MiB at most are taken", "{name} a {n}\u00a0Mio\u00a0; 10\u00a0Mio au plus sont acceptés"],
  attached: ["{name} is attached", "{name} est joint"], detached: ["{name} is removed", "{name} est retiré"], sending: ["Sending", "Envoi en cours"],
  download: ["Download {name}", "Télécharger {name}"], remove: ["Remove", "Retirer"], removeOf: ["Remove {name}", "Retirer {name}"],
  bytes: ["{n} bytes", "{n}\u00a0octets"], kibibytes: ["{n} KiB", "{n}\u00a0Kio"], mebibytes: ["{n} MiB", "{n}\u00a0Mio"],
  history: ["History", "Historique"], moreHistory: ["Show more", "Afficher la suite"], reported: ["Reported", "Signalée"], whatReported: ["What was reported", "Ce qui a été signalé"], changed: ["Changed", "Modifiée"],
  imported: ["Imported from another tracker", "Import depuis un autre outil de suivi"], regressedIn: ["Regressed in firmware {firmware}", "Revenue dans le micrologiciel {firmware}"],
  cameBack: ["The fault came back", "Le défaut est revenu"], seenIn: ["Seen in {firmware} for the first time", "Observée pour la première fois dans {firmware}"],
  removed: ["before", "avant"], added: ["after", "après"], unchangedLines: ["{n} lines unchanged", "{n}\u00a0lignes inchangées"],
  // Refusals that only this page can get.
  refused400: ["A value is not valid.", "Une valeur n’est pas valide."],
  refused412: ["It has been changed meanwhile. The newest state is shown: try again.", "L’anomalie a été modifiée entre-temps. Son dernier état est affiché\u00a0: réessayez."],
  refused413: ["It is too large.", "C’est trop volumineux."], refused415: ["Files of this kind are not taken.", "Les fichiers de ce type ne sont pas acceptés."],
  refused422: ["The server cannot take this.", "Le serveur ne peut pas accepter ceci."],
});

Object.assign(SERVER_WORDS, {
  not_ended: ["not ended", "non terminée"], open: ["open", "ouverte"], in_progress: ["in progress", "en cours"], resolved: ["resolved", "résolue"], closed: ["closed", "close"],
  urgent: ["urgent", "urgente"], high: ["high", "haute"], medium: ["medium", "moyenne"], low: ["low", "basse"],
  person: ["a person", "une personne"], device: ["a device", "un appareil"], page: ["a page", "une page"], server: ["the server", "le serveur"],
  import: ["import", "import"],
  backend: ["backend", "serveur"], calibration: ["calibration", "étalonnage"], documentation: ["documentation", "documentation"],
  firmware: ["firmware", "micrologiciel"], frontend: ["frontend", "interface"], hardware: ["hardware", "matériel"], network: ["network", "réseau"],
  other: ["other", "autre"], sensor: ["sensor", "capteur"],
});

// Authors that are no person with a token, in words.
const AUTHORS = {
  anybody: ["a person without sign-in", "une personne non authentifiée"], device: ["a device", "un appareil"], page: ["a page", "une page"],
  server: ["the server", "le serveur"], "sqal-server": ["the server", "le serveur"], "sqal bugs import": ["import", "import"],
};
