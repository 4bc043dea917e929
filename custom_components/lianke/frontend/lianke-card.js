import"./lianke-card-chunk-FR7A77AV.js";
