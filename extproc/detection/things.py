"""What has numbers that are nobody's: goods, papers, measures, programs, in the languages of Europe. Words only.

They speak against a telephone number or a social security number where they stand nearer than a word for it. A word that ends in
``$`` is a whole word, any other the beginning of one.
"""

from __future__ import annotations

from typing import Final

_PAPERS: Final = (
    "order", "purchase", "po$", "invoice", "receipt", "quote$", "quotation", "ticket", "booking", "reservation", "confirmation",
    "pnr$", "flight", "policy", "claim$", "contract$", "contracts$", "agreement", "case$", "docket", "file$", "dossier", "record$",
    "membership", "loyalty", "voucher", "coupon", "account$", "acct", "konto", "iban", "bic$", "swift", "routing", "sort code", "cheque",
    "transaction", "txn", "transfer", "remittance", "passport", "license", "licence", "permit", "patent", "certificate", "registration",
    "cost center", "cost centre", "referen", "référen", "ref$", "réf$", "id$", "ids$", "code$", "pin$", "otp$", "card$", "cards$", "vat$", "duns", "cusip", "isin$", "doi$", "isbn", "issn", "zip$", "postcode",
    "bestell", "auftrag", "rechnung", "beleg", "akten", "vorgang", "vertrag", "buchung",
    "ausweis", "gutschein", "commande", "facture", "devis", "dossier", "contrat", "sinistre", "réservation", "adhérent",
    "pedido", "factura", "expediente", "contrato", "póliza", "reserva", "recibo", "albarán", "pasaporte", "ordine", "fattura", "pratica",
    "contratto", "polizza", "prenotazione", "sinistro", "bolla", "encomenda", "fatura", "apólice", "processo$", "bestelling", "factuur",
    "polis$", "dossiernummer", "zaak", "boeking", "zamów", "faktur", "sprawa$", "sprawy$", "umow", "polisa$", "polisy$", "rezerwac", "paragon",
    "ordre", "faktura", "ärende", "kvitto", "sopimus", "lasku", "tilaus", "заказ", "счёт", "счет", "договор", "номер дела",
)  # fmt: skip
_GOODS: Final = (
    "sku", "upc$", "ean", "gtin", "asin$", "mpn", "barcode", "catalog", "article$", "item$", "items$", "product$", "products$", "part$", "parts$", "part ", "spare",
    "component", "model", "serial", "s/n", "lot$", "batch", "asset", "inventory", "stock$", "drawing", "sample", "specimen", "tube",
    "lab$", "accession", "slide$", "crate", "pallet", "container", "shipment", "parcel", "package", "consignment", "waybill", "awb$", "tracking",
    "usps$", "ups$", "fedex", "dhl$", "shelf", "locker", "slot$", "rack$", "vin$", "chassis", "engine$", "imei", "iccid", "firmware", "meter$", "cas$", "oid$",
    "artikel", "teil$", "teile", "ersatzteil", "bauteil", "sendung", "paket", "charge$", "chargen", "zähler", "gerät", "inventar", "probe$",
    "lager$", "serien", "katalog", "muster$", "pièce", "référence", "lot$", "colis", "échantillon", "compteur", "série", "modèle", "produit",
    "pieza", "lote$", "artículo", "repuesto", "muestra", "envío", "paquete", "recambio", "ricambio", "articolo", "lotto$", "campione",
    "spedizione", "pacco", "matricola", "contatore", "peça", "amostra", "artigo", "onderdeel", "zending", "pakket", "partij", "monster$",
    "część", "części", "przesył", "paczk", "próbk", "licznik", "partia", "artykuł", "artikkel", "varenr", "reservdel", "paket",
)  # fmt: skip
_MEASURES: Final = (
    "amount", "total$", "totals$", "price", "qty", "quantity", "balance", "sum$", "size", "depth", "width", "height", "length", "weight", "dimension",
    "diameter", "gauge", "reading", "sensor", "score", "ratio", "loss$", "rate$", "lat$", "lon$", "lng$", "latitude", "longitude", "position", "coordinate",
    "counter", "count$", "range$", "page$", "pages$", "section", "chapter", "clause", "paragraph", "figure$", "equation", "experiment", "memory", "bytes",
    "kb$", "offset", "points", "betrag", "summe", "preis", "menge", "seite", "kapitel", "abschnitt", "montant", "prix", "importe", "importo", "kwota",
    "bedrag", "valor$", "valeur$", "valore$", "wert$", "saldo",
)  # fmt: skip
_PROGRAMS: Final = (
    "version", "ver$", "release$", "build$", "builds$", "commit$", "commits$", "revision", "rev$", "checksum", "hash", "crc$", "crc32", "digest", "epoch", "timestamp", "unix",
    "ts$", "iat$", "nbf$", "created$", "updated$", "expires", "expiry", "job$", "task$", "pid$", "thread", "session", "request$", "trace", "span$", "seq$", "sequence", "uuid",
    "guid", "backup", "port$", "seed$", "nonce", "rfc$", "error$", "exit$", "status$",
)  # fmt: skip

THINGS: Final = (*_PAPERS, *_GOODS, *_MEASURES, *_PROGRAMS)
"""Words for what has numbers."""

SOLD: Final = frozenset(
    b"qty quantity price stock unit units uom msrp discount warehouse menge preis bestand lager quantit\xc3\xa9 prix cantidad precio quantit\xc3\xa0 prezzo"
    b" aantal prijs ilo\xc5\x9b\xc4\x87 cena quantidade pre\xc3\xa7o antal pris".split()
)
"""Names of columns beside which no column is a person's."""

PIECES: Final = frozenset(
    # goods
    "adapter amplifier appliance bag ballast battery bearing belt bit blade board bolt bottle bracket brake bulb bundle bushing cable camera cap capacitor"
    " carton cartridge case cell chain chip clamp clip clutch coil compressor connector controller coupling cover cylinder device disc disk display"
    " door drawer drill drum engine fan filter fitting flange frame furniture fuse garment gasket gear hinge hose housing instrument kit lamp"
    " laptop lens lever lid machine magnet mask material module monitor motor mount nozzle nut o-ring panel pedal pipe piston plate plug pn pn: pump purifier"
    " radiator relay resistor ring-set robot roller rotor router screen screw seal sensor shaft shim shoe sleeve socket solenoid spring sprocket switch"
    " tank terminal thermostat tile tire toner tool toner transformer transistor tray tyre unit vacuum valve vehicle washer wheel wire"
    # boxes and places
    " aisle bay bench bin box cabinet compartment container crate cupboard drum envelope gate locker pallet pier plot"
    " rack room safe shelf slot stall terminal vault wagon well zone"
    # laboratories
    " aliquot allele antibody antigen assay biopsy cas cassette clone colony compound culture enzyme extract isolate ligand molecule mrn mutant ndc pathogen"
    " plasmid primer probe protein reagent sample sequence slide specimen strain substance swab tissue vial virus"
    # papers
    " ad addendum advert album amendment annex appendix appraisal assignment award bid brief budget bulletin bylaw"
    " campaign certificate chapter circular citation clause complaint course deal decree deed deposit directive document donation edict edition entry exam exhibit expense"
    " form fund gazette incident issue journal lawsuit lease ledger lesson letter loan log manifest manuscript memo memorandum "
    " mortgage motion notice opinion order ordinance paper patch petition plan plea poll poster preprint prescription proceeding program project"
    " proposal prospectus publication ranking rebate regulation report requisition resolution return rma ruling schedule script"
    " settlement spreadsheet standard statement statute story study submission subpoena subscription summons survey syllabus tender test thesis tome"
    " treaty trial verdict volume warrant warranty writ"
    # centres of cost, transport, programs
    " bus ferry fleet flight hull mission ship shuttle tail tender trailer train tram trip truck vessel voyage"
    " blob branch buffer bug build bytes cluster commit container dashboard dataset error event feature gateway index inode instance key migration node"
    " object offset partition patch pipeline pod process queue record release revision run segment sha snapshot sprint strength swimlane table task template"
    " thread tick token topic trace transaction unit volume "
    " pn p/n sn s/n nsn upc gtin mpn oem fru fcc hs ndc npi rfq rfp eco ecn cve"
    # goods and papers elsewhere
    " artikel baugruppe behälter bescheid bolzen buch dichtung düse dichtungsring ersatzteil filter gerät gehäuse getriebe halter karton kiste kabel lampe lager"
    " maschine motor muster palette platte position probe produkt projekt pumpe reifen ring rohr schalter schraube sicherung stecker teil ventil welle werkzeug"
    " antrag akte bestellung buchung charge lieferschein lieferung rechnung regal raum sendung vertrag vorgang zimmer"
    " ampoule boîte boulon câble carton colis courroie filtre joint palette pièce pneu pompe produit projet roue tuyau vanne vis article bon contrat devis facture lot dossier"
    " caja cable correa filtro junta llanta neumático pieza producto proyecto rodamiento rueda tornillo tubo válvula artículo lote pedido factura contrato expediente"
    " articolo bullone cavo cinghia filtro guarnizione pezzo pneumatico pompa prodotto progetto ruota scatola tubo valvola vite lotto ordine fattura contratto pratica"
    " artikel bout doos filter kabel klep lamp onderdeel pakking pomp product project schroef wiel band factuur bestelling"
    " część filtr kabel karton koło opona pompa produkt projekt pudełko śruba uszczelka zawór zamówienie faktura umowa paczka sprawa partia próbka"
    " peça caixa parafuso pneu produto projeto rolamento válvula".split()
)
"""What goes by a number of its own that stands right behind it: ``gasket 123-45-6789``."""

MODIFIERS: Final = frozenset(
    "a an the this that my your his her our their its whose new old other same second first home house work office desk direct personal private best"
    " alternative alternate emergency main general mobile cell cellular toll free local national business company daytime evening night"
    " following wrong right correct current previous front contact phone telephone tel fax hotline landline switchboard callback whatsapp sms"
    " call dial ring text reach at on is under with for and or not no any same all me us him her them you to of in by from"
    " is are was were ist sind lautet war est sont es son jest identification identity"
    " mein meine meiner meinem dein deine ihr ihre ihrer ihren sein seine unser unsere die der das den dem neue neuer alte andere unter"
    " telefon handy mobil fest festnetz ruf rück rückruf fax durchwahl büro privat notfall service zentral zentrale direkt"
    " mon ma ton ta son sa notre votre leur le la les un une nouveau ancien autre bon au téléphone portable fixe bureau"
    " mi tu su nuestro nuestra vuestro el los un una nuevo nueva otro otra teléfono telefono móvil movil celular fijo casa oficina contacto"
    " mio tuo suo nostro vostro il lo nuovo vecchio altro al cellulare fisso ufficio telefonico"
    " meu seu nosso o os novo outro telemóvel telefone celular fixo"
    " mijn jouw uw ons onze het een nieuw nieuwe ander op telefoon mobiele vast gsm"
    " mój moj twój twoj nasz nowy inny pod na telefonu kontaktowy komórkowy komórki stacjonarny"
    " mitt ditt vårt nytt mit dit vores telefonnummer mobilnummer".split()
)
"""Words beside "number" that do not say what it is a number of."""
