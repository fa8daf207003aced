// Letters made of others: the same shape, a smaller one, or one with a mark.

#include "apps/drawing/font_drawings.hpp"

namespace vitrine {
namespace {

// What Unicode has no mark for: the tonos of Greek capitals. Beyond its last code.
constexpr char32_t kTonosBefore = 0x110000;

constexpr Likeness kLikenesses[] = {
    {U"ĐƏµ", U"ÐƏμ"},
    {U"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧκνοϕϵ", U"ABEZHIKMNOPTYXĸvoφε"},
    {U"АВГЕЗКМНОПРСТФХЅІЈӘ", U"ABΓE3KMHOΠPCTΦXSIJƏ"},
    {U"аеорсухѕіјфћһә", U"aeopcyxsijφħhə"},
    {U"\u0374\u0375\u037e\u0387", U"\u00b4,;\u00b7"},
};

constexpr Likeness kSmallCapitals[] = {
    {U"вгджзиклмнптцчшщъыьэюя", U"ВГДЖЗИКЛМНПТЦЧШЩЪЫЬЭЮЯ"},
    {U"єљњџғҗқңҳҷ", U"ЄЉЊЏҒҖҚҢҲҶ"},
};

constexpr Mark kMarks[] = {
    {U'\u0300', Anchor::kAbove, "M-1.6 4.4 L0.8 1.8"},         // grave
    {U'\u0301', Anchor::kAbove, "M1.6 4.4 L-0.8 1.8"},         // acute
    {U'\u0302', Anchor::kAbove, "M-2.6 1.8 L0 4.4 L2.6 1.8"},  // circumflex
    {U'\u0303', Anchor::kAbove,                                // tilde
     "M-3 2 Q-2.4 4 -1.2 4 Q-0.4 4 0 3.2 Q0.5 2.4 1.3 2.4 Q2.5 2.4 3 4.4"},
    {U'\u0304', Anchor::kAbove, "M-2.8 3 L2.8 3"},                        // macron
    {U'\u0306', Anchor::kAbove, "M-2.8 4.6 Q-2.4 2 0 2 Q2.4 2 2.8 4.6"},  // breve
    {U'\u0307', Anchor::kAbove, "D0 3.4"},                                // dot above
    {U'\u0308', Anchor::kAbove, "D-2 3.4 D2 3.4"},                        // diaeresis
    {U'\u0309', Anchor::kAbove,                                           // hook above
     "M-1.4 4.6 Q-1 5.8 0.2 5.8 Q1.8 5.8 1.8 4.4 Q1.8 3.3 0.2 2.8 L0.2 1.6"},
    {U'\u030a', Anchor::kAbove, "M0 5.6 H-1.9 3.7 V0 1.8 H1.9 3.7 V0 5.6"},  // ring
    {U'\u030b', Anchor::kAbove, "M-0.6 4.6 L-2.4 1.8 M2.8 4.6 L1 1.8"},      // double acute
    {U'\u030c', Anchor::kAbove, "M-2.6 4.4 L0 1.8 L2.6 4.4"},                // caron
    {U'\u0312', Anchor::kAbove, "M0.5 4.8 L-0.3 2"},                         // turned comma
    {kTonosBefore, Anchor::kLeft, "M-2.2 14 L-3 11.4"},                      // tonos of capitals
    {U'\u0315', Anchor::kRightTop, "M2.6 0 L1.8 -3"},                        // comma at the right
    {U'\u031b', Anchor::kRightTop, "M-1.8 -1.4 Q1.8 -1.4 1.8 2"},            // horn
    {U'\u0323', Anchor::kBelow, "D0 -3"},                                    // dot below
    {U'\u0326', Anchor::kBelow, "M0.5 -2 L-0.3 -4.8"},                       // comma below
    {U'\u0327', Anchor::kBelow,                                              // cedilla
     "M0.2 0 L-0.2 -1.6 Q2 -1.8 2 -3.2 Q2 -4.6 0 -4.6 Q-0.8 -4.6 -1.4 -4.2"},
    {U'\u0328', Anchor::kRightFoot,  // ogonek
     "M-0.6 0 Q-2.4 -1.4 -2.4 -3 Q-2.4 -4.4 -1 -4.4 Q-0.2 -4.4 0.4 -4"},
    {U'\u0344', Anchor::kAbove, "D-2.6 3.2 D2.6 3.2 M1 5.2 L-0.2 2.2"},  // dialytika tonos
};

constexpr Marked kMarked[] = {
    {U'\u0300', U"ÀÈÌÒÙàèìòùǸǹẀẁỲỳЀѐЍѝẦầẰằỀềỒồỜờỪừ", U"AEIOUaeıouNnWwYyЕеИиÂâĂăÊêÔôƠơƯư"},
    {U'\u0301', U"ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹźǴǵẂẃǼǽǾǿЃѓЌќ", U"AEIOUYaeıouyCcLlNnRrSsZzGgWwÆæØøГгКк"},
    {U'\u0301', U"ẤấẮắẾếỐốỚớỨứάέήίόύώ", U"ÂâĂăÊêÔôƠơƯưαεηιουω"},
    {U'\u0302', U"ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷẬậỆệỘộ", U"AEIOUaeıouCcGgHhJȷSsWwYyẠạẸẹỌọ"},
    {U'\u0303', U"ÃÑÕãñõĨĩŨũẼẽỸỹẪẫẴẵỄễỖỗỠỡỮữ", U"ANOanoIıUuEeYyÂâĂăÊêÔôƠơƯư"},
    {U'\u0304', U"ĀāĒēĪīŌōŪūӢӣӮӯ", U"AaEeIıOoUuИиУу"},
    {U'\u0306', U"ĂăĔĕĞğĬĭŎŏŬŭЎўЙйӐӑӖӗẶặ", U"AaEeGgIıOoUuУуИиАаЕеẠạ"},
    {U'\u0307', U"ĊċĖėĠġİŻż", U"CcEeGgIZz"},
    {U'\u0308', U"ÄËÏÖÜäëïöüÿŸẄẅЁёЇїΪΫϊϋ", U"AEIOUaeıouyYWwЕеІıΙΥιυ"},
    {U'\u0309', U"ẢảẺẻỈỉỎỏỦủỶỷẨẩẲẳỂểỔổỞởỬử", U"AaEeIıOoUuYyÂâĂăÊêÔôƠơƯư"},
    {U'\u030a', U"ÅåŮů", U"AaUu"},
    {U'\u030b', U"ŐőŰű", U"OoUu"},
    {U'\u030c', U"ČčĎĚěŇňŘřŠšŤŽžǍǎǏǐǑǒǓǔ", U"CcDEeNnRrSsTZzAaIıOoUu"},
    {U'\u0312', U"ģ", U"g"},
    {kTonosBefore, U"ΆΈΉΊΌΎΏ", U"ΑΕΗΙΟΥΩ"},
    {U'\u0315', U"ďĽľť", U"dLlt"},
    {U'\u031b', U"ƠơƯư", U"OoUu"},
    {U'\u0323', U"ẠạẸẹỊịỌọỤụỴỵỢợỰự", U"AaEeIiOoUuYyƠơƯư"},
    {U'\u0326', U"ĢĶķĻļŅņŖŗȘșȚț", U"GKkLlNnRrSsTt"},
    {U'\u0327', U"ÇçŞşŢţ", U"CcSsTt"},
    {U'\u0328', U"ĄąĘęĮįŲųǪǫ", U"AaEeIiUuOo"},
    {U'\u0344', U"ΐΰ", U"ιυ"},
};

}  // namespace

std::span<const Likeness> likenesses() { return kLikenesses; }
std::span<const Likeness> small_capitals() { return kSmallCapitals; }
std::span<const Mark> mark_drawings() { return kMarks; }
std::span<const Marked> marked_letters() { return kMarked; }

}  // namespace vitrine
