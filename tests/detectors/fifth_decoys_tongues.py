"""German, French, Spanish and Italian texts of the fifth part that hold no value. They know no recogniser."""

from __future__ import annotations

GERMAN = (
    "Die Rechnungsnummer {{digits_10}} vom {{dmy}} ist noch offen.",
    "Meine Kundennummer lautet {{digits_9}}, die Auftragsnummer {{code}}.",
    "Das Aktenzeichen ist {{small}} C {{digits_3}}/{{small}}, Termin am {{dmy}} um {{hour}} Uhr.",
    "Zählernummer {{digits_8}}, Zählerstand {{digits_5}},{{small}} kWh.",
    "Die Sendung {{digits_20}} (Sendungsnummer) liegt seit dem {{dmy}} in {{city}}.",
    "Das Buch mit der ISBN {{isbn}} ist vergriffen.",
    "Die Maße sind {{small}} x {{small}} x {{digits_3}} cm, der Preis {{euro}}.",
    "Die Prüfziffer von {{broken_iban}} stimmt nicht, das ist keine gültige IBAN.",
    "Bestellung {{sixteen}} wurde storniert, Erstattung {{euro}}.",
    "Artikel: {{product}}\nSeriennummer: {{serial}}\nKaufdatum: {{dmy}}\nPreis: {{euro}}",
    "Artikelnummer;EAN;Bestand\n{{code}};{{ean}};{{small}}\n{{code}};{{ean}};{{small}}",
    "Die Karte mit den Endziffern {{digits_4}} ist gesperrt, IBAN DE** **** **{{small}}.",
    "Seit Version {{version}} startet das Programm nicht, Fehler 0x{{hex_8}}.",
)
FRENCH = (
    "La facture n° {{digits_9}} du {{slash}} reste impayée.",
    "Mon numéro de client est {{digits_10}}, la commande {{code}}.",
    "Le colis portant le numéro de suivi {{digits_14}} est perdu.",
    "Numéro de dossier : {{digits_8}}, audience le {{slash}} à {{hour}}.",
    "Le compteur n° {{digits_8}} affiche {{digits_5}} kWh.",
    "Société immatriculée sous le SIRET {{digits_14}}, capital de {{digits_5}} €.",
    "L'ouvrage (ISBN {{isbn}}) est épuisé, la revue porte l'ISSN {{issn}}.",
    "{{broken_iban}} n'est pas un IBAN valide, la clé de contrôle est fausse.",
    "La référence {{sixteen}} correspond à une commande annulée.",
    "Produit : {{product}}\nNuméro de série : {{serial}}\nPrix : {{euro}}",
    "article;ean;prix\n{{code}};{{ean}};{{euro}}\n{{code}};{{ean}};{{euro}}",
    "La carte se terminant par {{digits_4}} expire en {{expiry}}.",
    "Le contrat {{digits_11}} prend fin le {{slash}}, préavis de {{small}} jours.",
)
SPANISH = (
    "La factura número {{digits_9}} del {{slash}} sigue pendiente.",
    "Mi número de cliente es {{digits_10}} y el pedido es {{code}}.",
    "El paquete con número de seguimiento {{digits_14}} no ha llegado a {{city}}.",
    "Expediente {{digits_8}}, vista el {{slash}} a las {{hour}}.",
    "El contador {{digits_8}} marca {{digits_5}} kWh.",
    "El libro con ISBN {{isbn}} está agotado.",
    "Las medidas son {{measure}} x {{measure}} cm y cuesta {{euro}}.",
    "El banco dice que {{broken_iban}} no es un IBAN válido, falla el dígito de control.",
    "El pedido {{sixteen}} fue anulado, se devuelven {{euro}}.",
    "Producto: {{product}}\nNúmero de serie: {{serial}}\nFecha: {{slash}}",
    "articulo;ean;unidades\n{{code}};{{ean}};{{small}}\n{{code}};{{ean}};{{small}}",
    "La tarjeta terminada en {{digits_4}} caduca en {{expiry}}.",
    "Desde la versión {{version}} la aplicación se cierra a los {{small}} segundos.",
)
ITALIAN = (
    "La fattura numero {{digits_9}} del {{slash}} non è stata pagata.",
    "Il mio codice cliente è {{digits_10}}, l'ordine è {{code}}.",
    "Il pacco con numero di spedizione {{digits_14}} risulta fermo a {{city}}.",
    "Pratica {{digits_8}}, udienza il {{slash}} alle {{hour}}.",
    "Il contatore {{digits_8}} segna {{digits_5}} kWh.",
    "Il libro con ISBN {{isbn}} è esaurito.",
    "Partita IVA {{digits_11}}, capitale sociale {{digits_5}} euro.",
    "La banca dice che {{broken_iban}} non è un IBAN valido, la cifra di controllo è errata.",
    "L'ordine {{sixteen}} è stato annullato, rimborso di {{euro}}.",
    "Prodotto: {{product}}\nNumero di serie: {{serial}}\nData: {{slash}}",
    "articolo;ean;pezzi\n{{code}};{{ean}};{{small}}\n{{code}};{{ean}};{{small}}",
    "La carta che termina con {{digits_4}} scade il {{expiry}}.",
    "Dalla versione {{version}} il programma si blocca dopo {{small}} secondi.",
)
