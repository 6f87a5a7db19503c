language-name = Français
portal-title = Portail de licences
skip-to-content = Aller au contenu
nav-label = Pages
nav-licenses = Mes licences
nav-ticket = Saisir un ticket
nav-automatic = Mise à jour automatique
nav-restore = Restaurer un conteneur
language-label = Langue
leave = Quitter
footer = Aurora Instruments, service clients. Gardez vos tickets secrets : qui en possède un peut s’en servir.
aurora-support-title = Nous sommes là pour vous
aurora-support = Du lundi au vendredi, de 8 h à 18 h. Ayez votre numéro de commande sous la main, jamais votre ticket.
next = Suivant
optional = (facultatif)
upload = Envoyer
assigned = attribué par le fournisseur

# Tickets
tickets-title = Vos licences Aurora
tickets-lead = Saisissez le ticket reçu avec votre commande. Il affiche vos licences et vous permet de les activer, de les rendre et de les restaurer vous-même.
ticket-label = Ticket
ticket-hint = 25 lettres et chiffres en cinq groupes. Plusieurs tickets : un par ligne.
ticket-next = Afficher mes licences
without-ticket-title = Sans ticket
automatic-short = Récupérer ce que le fournisseur a préparé pour l’un de vos conteneurs.
restore-short = Après une réinstallation du même ordinateur.
anyreceipt-short = Confirmer un transfert effectué avec des fichiers.

# Aperçu
licenses-title = Mes licences
my-licenses = Mes licences
licenses-none = Il n’y a plus rien à faire avec ce ticket.
ticket-heading = Ticket { $ticket }
forget-ticket = Retirer le ticket de cette page
another-ticket = Saisir un autre ticket
print-view = Version imprimable
print-title = Aperçu des licences
print-now = Imprimer
printed-on = État au { $when } UTC.
activate-licenses = Activer des licences
rehost-licenses = Rendre ou déplacer des licences
restore-licenses = Restaurer des licences perdues
continue-transfer = Continuer le transfert
running-title = Commencés dans ce navigateur
running-lead = Ces transferts ne sont pas terminés. Continuez où vous en étiez ; rien ne se perd entre-temps.
forget-transfer = Masquer
license-quantity = (quantité : { $quantity })
available-of = Disponible : { $available } ({ $quantity })
quantity-of = × { $quantity }
of-quantity = sur { $quantity }
quantity-label = Quantité de { $name }
column-choose = Choisir
column-name = Nom
column-activated-on = Activée le
column-container = Conteneur
column-status = État
column-item = Article
column-order = Commande
column-ordered-on = Commandée le
column-quantity = Quantité
state-available = Disponible
state-pending = En transfert
state-partly-activated = Partiellement activée
state-activated = Activée
state-consumed = Épuisée
state-withdrawn = Retirée
state-replaced = Remplacée
state-activating = en cours d’activation
state-returning = en cours de retour
state-active = active
state-waiting = En attente du fournisseur

# Choix
select-binding = Choisir la liaison
binding-title = Choisissez la liaison de vos licences
binding-lead = Vous pouvez lier vos licences à un ordinateur (licence act) ou à un dongle.
binding-act = À un ordinateur (licence act)
binding-act-text = Les licences vont sur cet ordinateur et sont liées à certaines de ses propriétés.
binding-dongle = À un dongle
binding-dongle-text = Les licences vont dans le dongle, utilisable sur différents ordinateurs.
binding-facts = Code { $firm } · { $count ->
    [one] une licence
   *[other] { $count } licences
}
activate-title = Licences disponibles
activate-lead-act = Choisissez les licences à activer sur un ordinateur.
activate-lead-dongle = Choisissez les licences à transférer dans un dongle.
activate-now = Activer les licences choisies
selection-all = Toutes ces licences sont activées ensemble.
selection-older = Les licences plus anciennes que celles que vous choisissez les accompagnent.
container-title = Choisissez le conteneur
container-lead = Vos licences se trouvent dans plusieurs conteneurs. Duquel voulez-vous en rendre ?
deactivate-title = Licences déplaçables
deactivate-connected = Ayez le conteneur { $serial } à disposition : connecté à cet ordinateur, ou sur le sien avec des fichiers.
deactivate-select = Choisissez les licences à rendre.
deactivate-click = Rendez-les, en ligne ou avec des fichiers.
deactivate-after = Une fois le retour confirmé, elles sont de nouveau disponibles pour un autre conteneur.
deactivate-now = Désactiver les licences choisies
reactivate-title = Licences restaurables
conditions-title = Conditions
conditions-invalid = Si vous avez perdu vos licences, vous pouvez les restaurer ici. Le conteneur dans lequel elles étaient activées sera marqué comme non valide, avec tout son contenu.
conditions-locked = Assurez-vous auparavant que l’ancien conteneur n’existe plus et que personne n’utilise ses licences. Sinon il sera verrouillé définitivement à son prochain contact.
conditions-accept = J’accepte les conditions.
reactivate-now = Restaurer les licences choisies
unfinished-title = Transferts inachevés
unfinished-lead = Une mise à jour a été faite pour ces conteneurs, et rien ne prouve encore qu’elle ait été importée. Continuez avec une nouvelle demande du conteneur, ou annulez : ce qui n’a pas été importé redevient disponible.
continue-online = Continuer en ligne
continue-offline = Continuer avec des fichiers
cancel-online = Annuler en ligne
cancel-offline = Annuler avec des fichiers
automatic-title = Mise à jour automatique des licences
automatic-lead = Vous trouvez ici ce que le fournisseur a préparé pour votre conteneur. Il s’identifie lui-même, aucun ticket n’est nécessaire.
automatic-now = Rechercher des mises à jour
restore-title = Restaurer un conteneur
restore-lead = Quand le système d’un ordinateur a été réinstallé, sa licence act est perdue bien que l’ordinateur soit le même. Tout son contenu passe dans une nouvelle licence act, si le fournisseur le permet.
restore-conditions = L’ancien conteneur est marqué comme non valide et ne peut plus être utilisé.
restore-old = Numéro de série de l’ancien conteneur
restore-old-hint = Il ressemble à 130-3556429651. L’aperçu des licences d’un ticket l’affiche.
restore-now = Restaurer le conteneur
data-title = Le fournisseur aimerait savoir

# Runtime
kind-act = Licence act
kind-dongle = Dongle
agent-title = Conteneur de cet ordinateur
agent-needs-script = Le transfert en ligne a besoin de JavaScript. Sans lui, transférez vos licences avec des fichiers.
agent-looking = Recherche du License Runtime de cet ordinateur …
agent-ready = Le License Runtime est là. Choisissez un conteneur.
agent-absent = Aucun License Runtime n’est joignable sur cet ordinateur. Démarrez-le et recherchez de nouveau, ou transférez avec des fichiers.
agent-ask = Votre navigateur demandera si cette page peut joindre des programmes de cet ordinateur. Acceptez pour transférer en ligne.
agent-denied = Votre navigateur empêche cette page de joindre le License Runtime. Passez par la page du runtime, ou transférez avec des fichiers.
agent-consent = Le License Runtime vous demande si ce portail peut voir vos conteneurs. Répondez-lui, s’il vous plaît.
agent-refused = Le License Runtime a reçu l’ordre de refuser ce portail. Transférez avec des fichiers, ou autorisez-le avec « cmtool agent allow ».
agent-none = Aucun conteneur approprié sur cet ordinateur. Connectez-en un et recherchez de nouveau, ou transférez avec des fichiers.
agent-new = Nouvelle licence act sur cet ordinateur
agent-unnamed = encore sans nom
agent-other-container = Le conteneur { $serial } n’est pas connecté. Connectez-le et recherchez de nouveau.
agent-choose = Conteneur
agent-connect = Rechercher des conteneurs
agent-rescan = Rechercher de nouveau
offline-transfer = Transfert hors ligne
online-transfer = Transfert en ligne

# Transfert en ligne
online-title = Transfert de licences en ligne
online-wait = Veuillez patienter !
online-wait-text = Les licences choisies sont transférées. Cela peut durer quelques minutes. Ne retirez pas le conteneur et ne rechargez pas cette page.
online-failed = Le transfert s’est arrêté.
online-phase = Étape
online-again = Réessayer
phase-starting = Début du transfert
phase-downloading-template = Téléchargement du modèle de licence
phase-registering-template = Enregistrement du modèle de licence
phase-creating-request = Création de la demande de licence
phase-downloading-update = Téléchargement de la mise à jour
phase-importing-update = Importation dans le conteneur
phase-creating-receipt = Création du reçu
phase-uploading-receipt = Envoi du reçu
fallback-title = Autres voies
fallback-text = Si le navigateur ne joint pas le License Runtime, passez par sa propre page, ou transférez les mêmes licences avec des fichiers.
navigate = Par la page du runtime
navigate-new = Par la page du runtime, nouvelle licence act
navigate-title = Par le License Runtime
navigate-lead = La page suivante vient du License Runtime de cet ordinateur. Elle montre ce que veut ce portail et vous interroge, puis elle ramène ici.
navigate-go = Vers le License Runtime
navigate-go-port = Vers le License Runtime au port { $port }
navigate-back = Le License Runtime a répondu. Continuez pour terminer cette étape.
navigate-continue = Continuer

# Transfert hors ligne
offline-title = { $wish } avec des fichiers
steps-label = Étapes
step-request = Envoyer la demande
step-update = Télécharger la mise à jour
step-receipt = Envoyer le reçu
step-done = (fait)
with-cmtool = Par exemple :
drop-hint = Choisissez le fichier, ou déposez-le ici.
request-heading = Créer une demande et l’envoyer
request-template = Pour une nouvelle licence act, téléchargez le modèle, portez-le sur l’ordinateur des licences et importez-le. Passez cette étape s’il y existe déjà une licence act de ce fournisseur.
request-template-download = Télécharger le modèle
request-create = Créez une demande de licence (*.WibuCmRaC) sur l’ordinateur du conteneur.
request-create-for = Créez une demande de licence (*.WibuCmRaC) du conteneur { $serial }.
request-upload = Envoyez-la ici.
request-file = Demande de licence (*.WibuCmRaC)
to-update = Vers la mise à jour que vous avez déjà
update-heading = Télécharger la mise à jour et l’importer
update-download = Téléchargez le fichier de mise à jour et enregistrez-le.
update-import = Importez-le dans le conteneur { $serial }, par exemple avec cmtool ou le License Runtime. L’importer deux fois est sans danger.
update-next = Quand c’est fait, cliquez sur « Suivant » pour confirmer le transfert.
update-download-now = Télécharger le fichier maintenant
update-all-the-same = Le conteneur doit recevoir la mise à jour malgré tout : elle apporte ce que le fournisseur a préparé ou ce qui manque encore.
upload-again = Envoyer de nouveau une demande
receipt-heading = Créer un reçu et l’envoyer
receipt-create = Créez encore une demande de licence (*.WibuCmRaC) du conteneur { $serial } : faite après l’importation, elle est le reçu.
receipt-upload = Envoyez-la ici. Le transfert est alors prouvé et terminé.
receipt-file = Reçu (*.WibuCmRaC)
receipt-early-title = La mise à jour n’est pas encore importée
receipt-early = { $count ->
    [one] Le fichier a été créé avant l’importation de la dernière mise à jour. Importez-la, créez le fichier de nouveau et envoyez-le.
   *[other] Le fichier a été créé avant l’importation de { $count } mises à jour. Importez-les, créez le fichier de nouveau et envoyez-le.
}
receipt-later = Terminer plus tard
back-to-update = Retour à la mise à jour
anyreceipt-title = Envoyer un reçu
anyreceipt-lead = Envoyez une demande de licence (*.WibuCmRaC) créée après l’importation d’une mise à jour. Elle prouve le transfert ; aucun ticket n’est nécessaire.

# Codes QR
picture-title = À partir d’une image du code QR
picture-lead = Si aucun fichier ne peut quitter l’ordinateur du conteneur : affichez-y la demande sous forme de code QR, photographiez-le et envoyez l’image.
picture-file = Image (PNG ou JPEG)
picture-hint = Choisissez ou prenez une image du code entier ; s’il y en a plusieurs, une image de chacun.
picture-upload = Envoyer l’image
code-title = Sous forme de code QR
code-lead = { $count ->
    [one] Si aucun fichier n’atteint l’ordinateur du conteneur : photographiez-y ce code et importez l’image.
   *[other] Si aucun fichier n’atteint l’ordinateur du conteneur : photographiez-y chacun de ces { $count } codes et importez les images.
}
code-alt = Code QR { $number } sur { $count } de la mise à jour

# Résultat
result-title = Terminé
result-container = Conteneur
result-activate = Les licences ont été activées.
result-deactivate = Les licences ont été rendues et sont de nouveau disponibles.
result-reactivate = Les licences ont été restaurées.
result-continue = Le transfert est terminé et prouvé.
result-cancel = Le transfert est réglé : ce qui n’a pas été importé est de nouveau disponible.
result-automatic = Le conteneur est à jour.
result-restore = Le conteneur a été restauré.
wish-activate = Activation
wish-deactivate = Retour
wish-reactivate = Restauration de licences
wish-continue = Suite d’un transfert
wish-cancel = Annulation d’un transfert
wish-automatic = Mise à jour automatique
wish-restore = Restauration d’un conteneur

# Problèmes
problem-title = Cela n’a pas fonctionné
problem-why = Pourquoi
problem-what-to-do = Que faire
problem-details = Détails
problem-incident = Incident
problem-back = Retour
