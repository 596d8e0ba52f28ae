"""The second half of the names by origin, and the spellings and short forms that stand for one another.

Kept apart from `names` only for length; `naming` reads both.
"""

from single_node.population.names import WESTERN, Origin, words

MORE_ORIGINS: tuple[Origin, ...] = (
    Origin(
        "arabic",
        6,
        "shared",
        words("""Fatima Mariam Layla Nour Aisha Yasmin Huda Samira Rania Amal Zahra Salma Hanan Dalia Iman Khadija
        Lubna Wafa"""),
        words("""Mohammed Ahmed Ali Omar Hassan Khalid Youssef Ibrahim Mustafa Tariq Karim Hussein Samir Bilal Nabil
        Abdullah Faisal Rachid"""),
        words("""Hassan Al-Hashimi Ahmed El-Sayed Mansour Haddad Al-Rashid Khalil Saleh Benali Nasser Abdelrahman Aziz
        Al-Saadi Farouk El-Khoury Alaoui Bensaid Al-Tikriti Shaheen Abu_Bakr Ben_Youssef Al-Jabouri Chaouch"""),
        0.2,
        "ar",
    ),
    Origin(
        "iranian",
        3,
        "shared",
        words("Maryam Shirin Leila Parisa Nasrin Azadeh Mina Roya Sara Fariba Soraya Niloufar Mahsa Golnaz"),
        words("Reza Ali Mehdi Hossein Amir Babak Farhad Dariush Kamran Behzad Siamak Arash Bahram Kourosh"),
        words("""Hosseini Mohammadi Ahmadi Karimi Rahimi Jafari Moradi Rezaei Tehrani Shirazi Farahani Esfahani
        Bakhtiari Golestani Pahlavan Daneshvar Zand"""),
        0.1,
        "fa",
    ),
    Origin(
        "turkish",
        2,
        "shared",
        words("Ayşe Fatma Emine Zeynep Elif Merve Hatice Sevgi Gülay Özlem Esra Nurcan"),
        words("Mehmet Mustafa Ahmet Ali Hüseyin Hasan Murat Emre Ibrahim Kemal Serkan Özgür"),
        words("Yılmaz Kaya Demir Çelik Şahin Yıldız Aydın Öztürk Arslan Doğan Kılıç Aslan Çetin Koç Erdoğan Polat"),
        0.8,
        "tr",
    ),
    Origin(
        "polish",
        4,
        "gendered",
        words("Anna Katarzyna Agnieszka Małgorzata Ewa Joanna Magdalena Monika Aleksandra Zofia Julia Barbara Beata"),
        words("Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Jakub Łukasz Grzegorz Wojciech Zbigniew Stanisław"),
        words("""Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski
        Mazur Krawczyk Grabowski Pawłowski Zając Król Wieczorek Jabłoński Szczepański Brzęczyszczykiewicz"""),
        0.8,
        "pl",
    ),
    Origin(
        "romanian",
        2,
        "shared",
        words("Maria Elena Ioana Andreea Mihaela Cristina Alexandra Daniela Gabriela Raluca Simona Larisa"),
        words("Andrei Ion Mihai Alexandru Gheorghe Ionuț Cristian Vasile Florin Marius Bogdan Răzvan"),
        words(
            "Popescu Ionescu Popa Radu Dumitru Stan Stoica Gheorghe Matei Ciobanu Rusu Constantinescu Munteanu Lungu"
        ),
        0.8,
        "ro",
    ),
    Origin(
        "portuguese-brazilian",
        4,
        "two-surnames",
        words(
            "Maria Ana Beatriz Fernanda Juliana Camila Mariana Patrícia Inês Luciana Catarina Rita Larissa Conceição"
        ),
        words("João José António Pedro Carlos Paulo Luís Rafael Rodrigo Tiago Manuel Gustavo Fernando Gonçalo"),
        words("""Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa Fernandes Gonçalves Gomes Lopes
        Almeida Ribeiro Carvalho da_Silva dos_Santos de_Souza Nascimento Figueiredo"""),
        0.2,
        "pt",
    ),
    Origin(
        "spanish-latin-american",
        4,
        "two-surnames",
        words("María Carmen Ana Lucía Paula Laura Isabel Marta Elena Valentina Camila Daniela Pilar Rocío Ximena"),
        words("José Antonio Juan Carlos Miguel Javier Alejandro Diego Luis Andrés Pablo Sergio Jorge Álvaro Camilo"),
        words("""García Rodríguez Martínez López González Hernández Pérez Sánchez Ramírez Torres Flores Gómez Díaz
        Vargas Castro Rojas Moreno Muñoz Ortiz Restrepo Quispe de_la_Cruz Echeverría Iturralde"""),
        0.0,
        "es",
    ),
    Origin(
        "italian",
        3,
        "shared",
        words("Giulia Francesca Chiara Maria Anna Sara Valentina Martina Alessandra Elena Paola Lucia Giovanna"),
        words("Marco Giuseppe Giovanni Andrea Luca Francesco Antonio Alessandro Matteo Stefano Paolo Lorenzo Davide"),
        words("""Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca
        D'Angelo Di_Stefano Della_Valle Lombardi Pellegrini"""),
        0.1,
        "it",
    ),
    Origin(
        "greek-cypriot",
        2,
        "shared",
        words("Maria Eleni Androulla Georgia Katerina Despina Sofia Anastasia Panayiota Christina Stavroula"),
        words("Andreas Georgios Costas Nikos Yiannis Panayiotis Christos Demetris Michalis Stavros Savvas"),
        words("""Georgiou Andreou Christodoulou Papadopoulos Ioannou Constantinou Nicolaou Charalambous Michaelides
        Hadjigeorgiou Demetriou Kyriacou Pavlou Savvides"""),
        0.8,
        "el",
    ),
    Origin(
        "chinese",
        3,
        "shared",
        words("Wei Xiaoli Mei_Ling Yan Jing Li Hui_Min Xiu_Ying Fang Ka_Yan Wing_Sze Ying Lan Siu_Fong"),
        words("Wei Ming Jun Chi_Keung Hao Jian Ka_Ho Zhi_Qiang Lei Wai_Man Bo Kwok_Wai Yong Guo_Dong"),
        words("Chen Wong Li Wang Zhang Liu Chan Lam Cheung Lee Huang Zhao Ho Ng Leung Zhou Xu Kwok Tsang Ouyang"),
        0.1,
        "zh",
        WESTERN,
    ),
    Origin(
        "vietnamese",
        1,
        "vietnamese",
        words("Lan Hoa Mai Huong Linh Thuy Ngoc Trang Phuong Hanh"),
        words("Minh Tuan Hung Duc Long Thanh Quang Nam Hieu Dung"),
        words("Nguyen Tran Le Pham Hoang Phan Vu Dang Bui Do"),
        0.0,
        "vi",
        WESTERN,
    ),
    Origin(
        "filipino",
        3,
        "shared",
        words("Maria Rosario Jocelyn Marilou Cristina Angelica Maricel Rowena Lourdes Jasmine Evelyn Grace"),
        words("Jose Ramon Rodel Jerome Antonio Ronaldo Ernesto Reynaldo Mark_Anthony Danilo Jayson Renato"),
        words("""Santos Reyes Cruz Bautista Ocampo Garcia Mendoza Dela_Cruz Villanueva Aquino Ramos Castillo Pascual
        Salonga Macaraeg Dimaculangan"""),
        0.8,
        "tl",
    ),
    Origin(
        "french",
        4,
        "shared",
        words("Camille Marie Sophie Claire Juliette Céline Aurélie Hélène Manon Chloé Anne-Sophie Margaux Élodie"),
        words("Pierre Jean Nicolas Antoine Julien Thomas Guillaume François Mathieu Jean-Baptiste Étienne Rémi Luc"),
        words("""Martin Bernard Dubois Durand Moreau Laurent Lefebvre Leroy Roux Fournier Girard Mercier Lambert
        Fontaine de_Villiers du_Pont Le_Goff Chevallier Beauchamp d'Aubigny"""),
        0.5,
        "fr",
    ),
    Origin(
        "jewish",
        2,
        "shared",
        words("Rachel Miriam Rivka Leah Esther Naomi Tamar Shoshana Chana Ruth Devorah Talia"),
        words("David Moshe Yaakov Avraham Daniel Joshua Yosef Ari Noam Shmuel Eli Menachem"),
        words("Cohen Levy Goldberg Friedman Katz Rosenberg Shapiro Klein Weiss Rabinowitz Ben-David Greenbaum Feldman"),
    ),
    Origin(
        "albanian-kosovan",
        2,
        "shared",
        words("Arta Drita Besa Teuta Vjosa Mirela Elira Fatmire Shpresa Lindita"),
        words("Arben Besnik Driton Ilir Agron Fatos Luan Bekim Artan Skender"),
        words("Hoxha Krasniqi Gashi Berisha Shehu Dervishi Kelmendi Bytyqi Prifti Thaçi Zeneli Rexhepi"),
        0.8,
        "sq",
    ),
    Origin(
        "tamil",
        1,
        "father",
        words("Kavitha Vasuki Thulasi Priyanka Malathi Sivakami Nirmala Tharani Yalini Abirami"),
        words("Sivakumar Kandiah Rajan Ganeshan Suthan Nadarajah Kugan Aravinth Thayalan Pirakash"),
        words("Kandasamy Nadarajah Sivalingam Ponnuthurai Selvarajah Balasingham Thambirajah Arulanantham Rasiah"),
        0.0,
        "ta",
    ),
)

SPELLINGS: tuple[tuple[str, ...], ...] = tuple(
    words(line)
    for line in (
        "Mohammed Muhammad Mohamed Mohammad Mohamad Mohd",
        "Ahmed Ahmad Ahmet Achmed",
        "Hussain Hussein Husain Hossain",
        "Yusuf Youssef Yousef Yusuph",
        "Fatima Fatema Fatimah",
        "Aisha Ayesha Aysha Aicha",
        "Khadija Khadijah Kadija",
        "Abdirahman Abdurahman Abdulrahman",
        "Abdullahi Abdullah Abdulahi",
        "Mariam Maryam Miriam",
        "Omar Umar Omer",
        "Hassan Hasan",
        "Amina Aminah Aamina",
        "Zainab Zaynab Zeinab",
        "Choudhury Chowdhury Chaudhary Chaudhry",
        "Miah Mia Miya",
        "Rahman Rehman",
        "Haque Hoque Huq",
        "Siddiqui Siddique Siddiqi",
        "Qureshi Quraishi",
        "Yohannes Yohanes Johannes",
        "Tesfaye Tesfay",
        "Chan Chen",
        "Cheung Zhang",
        "Hosseini Husseini Hoseini",
        "Catherine Katherine Kathryn",
        "Stephen Steven",
        "Siobhan Shevaun",
        "Oluwaseun Seun",
        "Olufemi Femi",
        "Georgiou Yeorgiou",
        "Yiannis Giannis Ioannis",
        "Alexander Aleksander",
        "Krishnamurthy Krishnamurti",
        "Leila Layla Leyla",
        "Reid Reed Read",
        "Clarke Clark",
    )
)

SHORT_FORMS: dict[str, str] = dict(
    pair.split(":", 1)
    for pair in words("""
        Elizabeth:Liz Margaret:Maggie Susan:Sue Katherine:Kate Rebecca:Becky Victoria:Vicky Patricia:Pat
        Christine:Chris Jessica:Jess Deborah:Debbie Nicola:Nicky Eleanor:Ellie Matilda:Tilly Rachel:Rach James:Jim
        John:Jack David:Dave Michael:Mike Robert:Bob William:Bill Thomas:Tom Richard:Dick Christopher:Chris
        Andrew:Andy Stephen:Steve Daniel:Dan Matthew:Matt Peter:Pete Edward:Ted Benjamin:Ben Samuel:Sam Joseph:Joe
        Henry:Harry Charles:Charlie Nicholas:Nick Anthony:Tony Alexander:Alex Jonathan:Jon Timothy:Tim Kenneth:Ken
        Geoffrey:Geoff Raymond:Ray Ronald:Ron Frederick:Fred Leonard:Len Patrick:Paddy Kathleen:Kath Oluwaseun:Seun
        Babatunde:Tunde Olufemi:Femi Temitope:Temi Funmilayo:Funmi Folasade:Sade Chukwuemeka:Emeka Rajesh:Raj
        Harpreet:Harry Katarzyna:Kasia Agnieszka:Aga Małgorzata:Gosia Krzysztof:Krzys Aleksandra:Ola Francesca:Fran
        Giuseppe:Beppe Alessandra:Ale Francisco:Paco José:Pepe Georgios:George Andreas:Andy Panayiotis:Panos
        Alejandro:Alex
    """)
)
